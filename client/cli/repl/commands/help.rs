//! `:help`: every command in its group; more about one.

use super::table::{self, Command, Group};

/// All of them.
pub(super) fn all() -> String {
    let usage = |command: &Command| format!(":{} {}", command.name, command.takes);
    let width = table::ALL.iter().map(|command| usage(command).trim_end().len()).max().unwrap_or(0);
    let what = table::ALL.iter().map(|command| command.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for group in Group::ALL {
        text.push_str(group.title());
        text.push('\n');
        for command in table::ALL.iter().filter(|command| command.group == group) {
            let usage = usage(command);
            // An example that only repeats the name teaches nothing.
            let example = if command.example.trim_start_matches(':') == command.name { "" } else { command.example };
            let line = format!("  {:width$}  {:what$}  {example}", usage.trim_end(), command.what);
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text.push_str(
        "Ctrl-C clears the line, or interrupts what runs. Ctrl-D leaves. obj? and obj?? describe a thing.\n\
         All else goes to the kernel as it is, %, ! and all. :help COMMAND says more.",
    );
    text
}

/// One of them.
pub(super) fn one(command: &Command) -> String {
    let mut text = format!(":{} {}", command.name, command.takes).trim_end().to_owned();
    if !command.also.is_empty() {
        let also: Vec<String> = command.also.iter().map(|name| format!(":{name}")).collect();
        text.push_str(&format!("   (also {})", also.join(", ")));
    }
    text.push_str(&format!("\n  {}\n", command.what));
    if !command.more.is_empty() {
        text.push_str(&format!("  {}\n", command.more));
    }
    text.push_str(&format!("  Example: {}", command.example));
    text
}

/// What to say to a name that is none.
pub(super) fn unknown(name: &str) -> String {
    match table::nearest(name) {
        Some(meant) => format!(":{name} is no command; did you mean :{meant}? :help lists them"),
        None => format!(":{name} is no command; :help lists them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_terminal_and_has_every_command() {
        let text = all();
        assert!(text.lines().count() <= 30 && text.lines().all(|line| line.len() <= 98), "{text}");
        assert!(table::names().iter().all(|name| text.contains(&format!("  :{name}"))));
        assert!(one(table::find("export").unwrap()).contains(":transcript"));
    }
}
