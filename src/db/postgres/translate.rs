//! One text of a statement for both dialects: what SQLite's says differently from PostgreSQL's, word by word.
//!
//! The rooms write what both understand. Left over are the form of parameters, a table whose name is a word of the language, and how a list of ids is
//! taken apart; what differs more is written twice ([`Sql`](super::super::query::Sql)).

/// PostgreSQL's text, and which of the values bound each of its parameters takes, counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Translated {
    /// The statement.
    pub text: String,
    /// By parameter.
    pub takes: Vec<usize>,
}

/// Words of SQLite's texts and what stands for them.
const WORDS: [(&str, &str); 3] = [("user", "\"user\""), ("json_each", "json_ids"), ("last_insert_rowid", "lastval")];

/// Translates one statement. Each place of a value is a parameter of its own, whose type its place says.
///
/// `next` is the first value that no earlier bare `?` has taken.
pub fn translate(sql: &str, next: &mut usize) -> Translated {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut takes: Vec<usize> = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            // A literal ends at the next quote; a doubled one ends it and begins the next.
            let end = rest[1..].find('\'').map_or(rest.len(), |at| at + 2);
            text.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if first == '?' {
            let digits = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |at| at + 1);
            let value = match rest[1..digits].parse::<usize>() {
                Ok(number) => number.saturating_sub(1),
                Err(_) => {
                    *next += 1;
                    *next - 1
                }
            };
            takes.push(value);
            let parameter = takes.len();
            rest = &rest[digits..];
            // Nothing says of what type it is when only its absence is asked for.
            if rest.starts_with(" is null") || rest.starts_with(" is not null") {
                text.push_str(&format!("cast(${parameter} as text)"));
            } else {
                text.push_str(&format!("${parameter}"));
            }
        } else if first.is_ascii_alphabetic() || first == '_' {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            text.push_str(WORDS.iter().find(|(from, _)| *from == word).map_or(word, |(_, to)| to));
            rest = &rest[end..];
        } else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    Translated { text, takes }
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn parameters_are_counted_and_literals_left_alone() {
        let mut next = 0;
        let first = translate("insert into user (user_id, name) values (?, 'a ? user''s', ?)", &mut next);
        assert_eq!(first.text, "insert into \"user\" (user_id, name) values ($1, 'a ? user''s', $2)");
        assert_eq!(first.takes, [0, 1]);
        let second = translate("update node set seq = ? where id in (select value from json_each(?))", &mut next);
        assert_eq!(second.text, "update node set seq = $1 where id in (select value from json_ids($2))");
        assert_eq!(second.takes, [2, 3], "the second statement goes on where the first has ended");
    }

    #[test]
    fn a_numbered_value_is_a_parameter_of_its_own_wherever_it_stands() {
        let numbered = translate("select 1 where (?2 is null or a = ?2) and b = ?1", &mut 0);
        assert_eq!(numbered.text, "select 1 where (cast($1 as text) is null or a = $2) and b = $3");
        assert_eq!(numbered.takes, [1, 1, 0]);
    }
}
