//! The window's title, while it is ours. It is saved where terminals can do that, and cleared where they cannot.

#[derive(Debug)]
pub(super) struct Title {
    may: bool,
    set: Option<String>,
}

/// A longer one is cut.
const LONGEST: usize = 80;

impl Title {
    pub(super) fn new(may: bool) -> Self {
        Self { may, set: None }
    }

    /// What is to be written so that this is the title.
    pub(super) fn set(&mut self, text: &str) -> String {
        let text: String = crate::sanitise::text(text).chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        if !self.may || self.set.as_ref() == Some(&text) {
            return String::new();
        }
        let save = if self.set.is_none() { "\x1b[22;0t" } else { "" };
        let out = format!("{save}\x1b]0;{text}\x07");
        self.set = Some(text);
        out
    }

    /// What is to be written so that it is as before.
    pub(super) fn put_back(&mut self) -> &'static str {
        if self.set.take().is_some() { "\x1b]0;\x07\x1b[23;0t" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_set_once_and_put_back() {
        let mut title = Title::new(true);
        assert_eq!(title.put_back(), "");
        assert_eq!(title.set("work\x07\x1b]52;c;x"), "\x1b[22;0t\x1b]0;work\x07");
        assert_eq!(title.set("work"), "");
        assert_eq!(title.set("work · #1"), "\x1b]0;work · #1\x07");
        assert_eq!(title.put_back(), "\x1b]0;\x07\x1b[23;0t");
        let mut none = Title::new(false);
        assert_eq!((none.set("x"), none.put_back()), (String::new(), ""));
    }
}
