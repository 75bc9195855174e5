//! What an examination found: a line for each thing that was looked at, and what to do where it isn't right.

use serde::Serialize;

use crate::cli::output::Answer;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody will be surprised.
    Warning,
    /// It doesn't work.
    Failure,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// What it is.
    pub check: String,
    /// How it is.
    pub state: State,
    /// What a client expects here; nothing where the check says it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What to do about it, in one sentence.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub remedy: String,
}

impl Finding {
    pub fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        let (check, found) = (check.into(), found.into());
        Self { check, state: State::Ok, expected: String::new(), found, remedy: String::new() }
    }

    pub fn warning(check: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warning, remedy: remedy.into(), ..Self::ok(check, found) }
    }

    pub fn failure(check: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Failure, ..Self::warning(check, found, remedy) }
    }

    fn told(&self, width: usize) -> String {
        let mut told = format!("{:<7}  {:<width$}  {}\n", self.state.word(), self.check, self.found);
        for (name, text) in [("expected", &self.expected), ("remedy", &self.remedy)] {
            if self.state != State::Ok && !text.is_empty() {
                told.push_str(&format!("{:9}{name}: {text}\n", ""));
            }
        }
        told
    }
}

/// All of it as text with a count, or as a JSON array; exit 1 if anything doesn't work.
pub(super) fn answer(findings: &[Finding], json: bool) -> Answer {
    let code = u8::from(findings.iter().any(|finding| finding.state == State::Failure));
    if json {
        return Answer::json(&findings).with_code(code);
    }
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or_default();
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let told: String = findings.iter().map(|finding| finding.told(width)).collect();
    let [right, doubtful, wrong] = [State::Ok, State::Warning, State::Failure].map(count);
    let sum = format!("checked: {}; ok: {right}, warnings: {doubtful}, failures: {wrong}\n", findings.len());
    Answer::said(told + &sum).with_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_stands_below_what_is_wrong_and_nowhere_else() {
        let wrong = Finding { expected: "200".to_owned(), ..Finding::failure("OPTIONS /", "404", "let it pass") };
        assert_eq!(wrong.told(10), "failure  OPTIONS /   404\n         expected: 200\n         remedy: let it pass\n");
        assert_eq!(Finding::ok("clock", "right").told(5), "ok       clock  right\n");
    }
}
