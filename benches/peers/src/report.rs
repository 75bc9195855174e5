//! The report: the median of each work on each server, as Markdown for people and as JSON with every sample.

use std::fmt::Write as _;

use crate::server::Server;
use crate::works::{Sample, Unit, Work};

/// The samples of one work: a list for each server, in the servers' order; empty where it can't do the work.
pub struct Row<'a> {
    /// The work.
    pub work: &'a Work,
    /// Its samples.
    pub samples: Vec<Vec<Sample>>,
}

/// Two tables: how fast (with the first server's speed as a multiple of each other's) and at what cost.
pub fn markdown(servers: &[Server], rows: &[Row]) -> String {
    let mut text = String::new();
    let peers = servers.get(1..).unwrap_or_default();
    let own = servers.first().map_or("", |server| server.kind.name());

    let mut header = vec!["work".to_owned()];
    header.extend(servers.iter().map(|server| server.kind.name().to_owned()));
    header.extend(peers.iter().map(|peer| format!("speed: {own} / {}", peer.kind.name())));
    line(&mut text, &header);
    rule(&mut text, header.len());
    for row in rows {
        let unit = row.work.unit;
        let values: Vec<Option<f64>> = medians(row, |sample| sample.value(unit));
        let mut cells = vec![row.work.title.clone()];
        cells.extend(values.iter().map(|value| {
            cell(*value, |value| match unit {
                Unit::Rate => format!("{value:.0} /s"),
                Unit::Time => format!("{} ms", three_digits(value)),
            })
        }));
        let own = values.first().copied().flatten();
        for peer in values.iter().skip(1) {
            let speed = own.zip(*peer).map(|(own, peer)| match unit {
                Unit::Rate => own / peer,
                Unit::Time => peer / own,
            });
            cells.push(cell(speed, |speed| format!("{} x", three_digits(speed))));
        }
        line(&mut text, &cells);
    }

    text.push('\n');
    let mut header = vec!["cost".to_owned()];
    header.extend(servers.iter().map(|server| format!("CPU/op {}", server.kind.name())));
    header.extend(servers.iter().map(|server| format!("peak {}", server.kind.name())));
    header.push("bytes an entry".to_owned());
    line(&mut text, &header);
    rule(&mut text, header.len());
    let mut cells = vec!["idle, after start".to_owned()];
    cells.extend(servers.iter().map(|_| String::new()));
    cells.extend(servers.iter().map(|server| mebibytes(server.idle_kib as f64)));
    cells.push(String::new());
    line(&mut text, &cells);
    for row in rows {
        let mut cells = vec![row.work.title.clone()];
        for cpu_ms in medians(row, Sample::cpu_ms) {
            cells.push(cell(cpu_ms, |cpu_ms| format!("{} ms", three_digits(cpu_ms))));
        }
        for peak in medians(row, |sample| sample.peak_kib as f64) {
            cells.push(cell(peak, mebibytes));
        }
        let entries: Vec<String> = row
            .samples
            .iter()
            .filter_map(|samples| samples.first()?.entry_bytes)
            .map(|bytes| bytes.to_string())
            .collect();
        cells.push(entries.join(" / "));
        line(&mut text, &cells);
    }
    text
}

/// Every sample, for programs.
pub fn json(machine: &str, servers: &[Server], rows: &[Row]) -> String {
    let mut text = format!("{{\n  \"machine\": {},\n  \"servers\": [\n", quoted(machine));
    let entries: Vec<String> = servers
        .iter()
        .map(|server| {
            format!(
                "    {{\"name\": {}, \"version\": {}, \"idle_kib\": {}}}",
                quoted(server.kind.name()),
                quoted(&server.version),
                server.idle_kib
            )
        })
        .collect();
    text.push_str(&entries.join(",\n"));
    text.push_str("\n  ],\n  \"samples\": [\n");
    let mut entries = Vec::new();
    for row in rows {
        for (server, samples) in servers.iter().zip(&row.samples) {
            entries.extend(samples.iter().map(|sample| {
                format!(
                    "    {{\"work\": {}, \"server\": {}, \"operations\": {}, \"seconds\": {:.6}, \"cpu_s\": {:.2}, \"peak_kib\": {}, \"entry_bytes\": {}}}",
                    quoted(row.work.name),
                    quoted(server.kind.name()),
                    sample.operations,
                    sample.seconds,
                    sample.cpu_s,
                    sample.peak_kib,
                    sample.entry_bytes.map_or("null".to_owned(), |bytes| bytes.to_string())
                )
            }));
        }
    }
    text.push_str(&entries.join(",\n"));
    text.push_str("\n  ]\n}\n");
    text
}

fn medians(row: &Row, read: impl Fn(&Sample) -> f64) -> Vec<Option<f64>> {
    row.samples
        .iter()
        .map(|samples| {
            let mut values: Vec<f64> = samples.iter().map(&read).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        })
        .collect()
}

fn cell(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or("-".to_owned(), text)
}

fn mebibytes(kib: f64) -> String {
    format!("{:.0} MiB", kib / 1024.0)
}

/// About three significant digits, so that neither 0.03 ms nor 12,345 ms says more or less than was measured.
fn three_digits(value: f64) -> String {
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn line(text: &mut String, cells: &[String]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a string takes what is written");
}

fn rule(text: &mut String, columns: usize) {
    text.push_str("|---|");
    text.push_str(&"---:|".repeat(columns - 1));
    text.push('\n');
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            '\0'..='\x1f' => quoted.push(' '),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
