//! What a row of the table is, and what may come of it.

use crate::target::Target;

/// One attack.
pub struct Row {
    pub name: &'static str,
    pub attack: fn(&Target) -> Outcome,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing that anybody regrets.
    Right(String),
    /// Nothing is lost, but it should be otherwise: the server works more than it should, or lets something odd pass.
    Weak(String),
    /// Bytes were lost, torn or shown, or somebody else's lock was worth nothing.
    Loss(String),
    /// It can't be tried here.
    Skipped(&'static str),
}

impl Outcome {
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Right(_))
    }

    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Loss(_))
    }

    pub fn word(&self) -> &'static str {
        match self {
            Self::Right(_) => "ok",
            Self::Weak(_) => "weak",
            Self::Loss(_) => "LOSS",
            Self::Skipped(_) => "-",
        }
    }

    pub fn detail(&self) -> &str {
        match self {
            Self::Right(detail) | Self::Weak(detail) | Self::Loss(detail) => detail,
            Self::Skipped(why) => why,
        }
    }
}

/// Right if nothing is missing, a loss with the number otherwise. Nothing can be lost where nothing was.
pub fn nothing_lost(status: u16, before: usize, after: usize) -> Outcome {
    match before.checked_sub(after) {
        _ if before == 0 => Outcome::Skipped("its files could not be made"),
        None | Some(0) => Outcome::Right(format!("{status}, nothing lost")),
        Some(lost) => Outcome::Loss(format!("{status}, lost {lost} of {before}")),
    }
}
