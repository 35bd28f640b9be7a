//! `:help`: every command in its group; more about one.

use super::table::{self, Command, Group};

/// An example, and what stands between the columns.
const LONGEST_EXAMPLE: usize = 24;

/// All of them, in a table where that fits into so many columns; else what each does stands below it.
pub(super) fn all(columns: usize) -> String {
    let listed = || table::ALL.iter().filter(|command| !is_twin(command));
    let width = listed().map(|command| usage(command).len()).max().unwrap_or(0);
    let what = listed().map(|command| command.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for group in Group::ALL {
        text.push_str(group.title());
        text.push('\n');
        for command in listed().filter(|command| command.group == group) {
            // An example that only repeats the name teaches nothing.
            let example = if command.example.trim_start_matches(':') == command.name { "" } else { command.example };
            let line = match columns {
                _ if width + what + LONGEST_EXAMPLE <= columns => {
                    format!("  {:width$}  {:what$}  {example}", usage(command), command.what)
                }
                _ if width + what + 4 <= columns => format!("  {:width$}  {}", usage(command), command.what),
                _ => format!("  {}\n      {}", usage(command), command.what),
            };
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

/// The same as another, but for what it asks: that one's line has both.
fn is_twin(command: &Command) -> bool {
    command.name.strip_suffix('!').and_then(table::find).is_some_and(|other| other.name != "quit")
}

/// `:restart[!]`
fn usage(command: &Command) -> String {
    let twin = table::find(&format!("{}!", command.name)).is_some_and(is_twin);
    format!(":{}{} {}", command.name, if twin { "[!]" } else { "" }, command.takes).trim_end().to_owned()
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
        let text = all(100);
        assert!(text.lines().count() <= 30 && text.lines().all(|line| line.len() <= 98), "{text}");
        assert!(table::names().iter().all(|name| text.contains(&format!("  :{}", name.trim_end_matches('!')))));
        assert!(text.contains("  :restart[!] ") && text.contains("  :quit![!] ") && !text.contains("  :restart! "), "{text}");
        assert!(all(80).lines().all(|line| line.len() <= 98) && !all(80).contains(":save 12 plot.png"));
        let narrow = all(36);
        assert!(narrow.contains("  :tail [LINES]\n      the last lines of output"), "{narrow}");
        assert!(one(table::find("export").unwrap()).contains(":transcript"));
    }
}
