//! The text that Prometheus reads, in its form of 2014, which everything reads.

use std::fmt::Write;

/// What a number does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows, until its owner begins anew.
    Counter,
    /// Counts up to bounds.
    Histogram,
}

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// What the lines that follow mean.
    pub(super) fn head(&mut self, name: &str, help: &str, kind: Kind) {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.name(name, labels);
        let _ = writeln!(self.0, " {value}");
    }

    /// Microseconds, as seconds.
    pub(super) fn seconds(&mut self, name: &str, labels: &[(&str, &str)], micros: u64) {
        self.name(name, labels);
        let _ = writeln!(self.0, " {}.{:06}", micros / 1_000_000, micros % 1_000_000);
    }

    /// A number that stands alone.
    pub(super) fn one(&mut self, name: &str, help: &str, kind: Kind, labels: &[(&str, &str)], value: u64) {
        self.head(name, help, kind);
        self.line(name, labels, value);
    }

    fn name(&mut self, name: &str, labels: &[(&str, &str)]) {
        self.0.push_str(name);
        for (at, (key, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{key}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_says_cannot_leave_it() {
        let mut page = Page::default();
        page.one("a", "What.", Kind::Gauge, &[("x", "b\"} 7\nc \\"), ("y", "")], 1);
        page.seconds("s", &[], 1_500_000);
        assert_eq!(page.text(), "# HELP a What.\n# TYPE a gauge\na{x=\"b\\\"} 7\\nc \\\\\",y=\"\"} 1\ns 1.500000\n");
    }
}
