//! Values of options: `on` and `off`, and numbers that may be `none`.

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

impl Switch {
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

pub(super) fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A switch that may also be left to others.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Tristate {
    On,
    Off,
    /// Says nothing.
    Unset,
}

impl Tristate {
    pub fn value(self) -> Option<bool> {
        match self {
            Self::On => Some(true),
            Self::Off => Some(false),
            Self::Unset => None,
        }
    }
}

/// A limit: a number, or none.
#[derive(Clone, Copy)]
pub(super) struct Limit(pub Option<u64>);

impl Limit {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self(None)),
            number => number.parse().map(|number| Self(Some(number))).map_err(|_| "a limit is a number, or `none`"),
        }
    }

    pub fn told(limit: Option<u64>) -> String {
        limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
    }
}

/// A string that may be `none`.
pub(super) fn or_none(text: &str) -> Option<&str> {
    (text != "none").then_some(text)
}
