//! How the longer help of a command is laid out.
//!
//! In the sources its lines end where they are best read there. Shown, a paragraph is one text, which clap breaks where the terminal ends. The commands of
//! examples keep a line each.

use clap::Command;

/// The lines of examples are no longer than that on any terminal, as all that clap writes.
const TERMINAL: usize = 100;
/// And on a page of the manual.
pub const PAGE: usize = 72;
/// With less room beside it, what is said about a command stands below.
const ABOUT_MIN: usize = 36;
/// So far in.
const BELOW: usize = 6;

/// How long they may be here.
pub fn width() -> usize {
    terminal_size::terminal_size().map_or(TERMINAL, |(width, _)| TERMINAL.min(width.0.into()))
}

/// Lays out the help of a command and of all below it.
pub fn laid_out(command: Command, width: usize) -> Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(help) => command.after_help(lay_out(&help, width)),
        None => command,
    };
    command.mut_subcommands(|below| laid_out(below, width))
}

fn is_example(line: &str) -> bool {
    line.starts_with("  ")
}

fn lay_out(help: &str, width: usize) -> String {
    let lines: Vec<&str> = help.lines().collect();
    let blocks = lines.chunk_by(|one, next| {
        !one.is_empty() && !next.is_empty() && is_example(one) == is_example(next) && !one.ends_with(':')
    });
    let text: Vec<String> = blocks.map(|lines| block(lines, width)).collect();
    text.join("\n")
}

fn block(lines: &[&str], width: usize) -> String {
    if !lines.iter().all(|line| is_example(line)) {
        return lines.join(" ");
    }
    // Far in lies what goes on from the line before.
    let examples = lines.chunk_by(|_, next| next.len() - next.trim_start().len() >= BELOW);
    let whole = |lines: &[&str]| {
        let more = lines[1..].iter().flat_map(|line| [" ", line.trim_start()]);
        std::iter::once(lines[0]).chain(more).collect::<String>()
    };
    examples.map(|lines| example(&whole(lines), width)).collect::<Vec<_>>().join("\n")
}

/// A line `  COMMAND   ABOUT`; an `ABOUT` that is too long goes on below itself, or stands below the command where little room is left beside that.
fn example(line: &str, width: usize) -> String {
    let Some((command, about)) = line.trim_start().split_once("  ").filter(|_| line.chars().count() > width) else {
        return line.to_owned();
    };
    let about = about.trim_start();
    let beside = line.chars().count() - about.chars().count();
    let (start, indent) = match width.saturating_sub(beside) {
        ABOUT_MIN.. => (line[..line.len() - about.len()].to_owned(), beside),
        _ => (format!("  {command}\n{:BELOW$}", ""), BELOW),
    };
    let mut text = start;
    let mut column = indent;
    for word in about.split(' ') {
        if column > indent && column + 1 + word.chars().count() > width {
            text.push_str(&format!("\n{:indent$}", ""));
            column = indent;
        }
        if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn paragraphs_are_one_text_and_examples_keep_their_lines() {
        let help = "Whoever has it\nmay read.\n\nExamples:\n  a b      what it does\n  c\n\nAnd so\non.";
        let laid = "Whoever has it may read.\n\nExamples:\n  a b      what it does\n  c\n\nAnd so on.";
        assert_eq!(lay_out(help, TERMINAL), laid);
        assert_eq!(lay_out(laid, TERMINAL), laid);
    }

    #[test]
    fn what_is_too_long_goes_on_below_itself_or_below_its_command() {
        let words = |count| vec!["word"; count].join(" ");
        let laid = format!("Examples:\n  a b   {}\n        {}\n  c", words(18), words(2));
        assert_eq!(lay_out(&format!("Examples:\n  a b   {}\n  c", words(20)), TERMINAL), laid);
        let command = "c".repeat(TERMINAL - ABOUT_MIN);
        let laid = format!("  {command}\n      {}", words(8));
        assert_eq!(lay_out(&format!("  {command}  {}", words(8)), TERMINAL), laid);
    }

    fn commands(command: &Command) -> Vec<&Command> {
        std::iter::once(command).chain(command.get_subcommands().flat_map(commands)).collect()
    }

    #[test]
    fn no_line_of_an_example_is_broken_in_the_middle() {
        let top = laid_out(Cli::command(), TERMINAL);
        let mut looked = 0;
        for command in commands(&top) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter(|line| is_example(line)) {
                looked += 1;
                assert!(line.chars().count() <= TERMINAL, "`{}`: {line}", command.get_name());
            }
        }
        assert!(looked > 100, "there are examples: {looked}");
    }
}
