//! `completions`: what a shell needs to complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::output::Answer;

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "\
Example:
  commonhold completions bash > ~/.local/share/bash-completion/completions/commonhold")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Answer {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "commonhold", &mut script);
        Answer::said(String::from_utf8(script).expect("names of commands are UTF-8"))
    }
}
