//! `man`: the manual, made from the same words as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::Cli;
use super::help::{PAGE, laid_out};
use super::output::{Answer, Failure};

/// Print the manual page, or write a page for each command
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold man | man -l -                            read it
  commonhold man --to /usr/local/share/man/man1        commonhold.1, commonhold-user-add.1, ...")]
pub(super) struct Man {
    /// Write a page for each command into this folder, which must be there
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result<Answer, Failure> {
        match self.to {
            None => {
                let mut text = Vec::new();
                Page::new(laid_out(Cli::command(), PAGE)).render(&mut text)?;
                Ok(Answer::said(String::from_utf8(text).expect("the words of commands are UTF-8")))
            }
            Some(folder) => {
                clap_mangen::generate_to(laid_out(Cli::command(), PAGE), &folder)?;
                Ok(Answer::said(format!("wrote the manual to {}", folder.display())))
            }
        }
    }
}
