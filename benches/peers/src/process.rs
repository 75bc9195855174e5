//! What a server's processes cost: CPU time and memory of a process and all its descendants, from Linux' /proc.

use std::collections::HashMap;
use std::fs;

/// Unit of the times in /proc/PID/stat: USER_HZ, 100 on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// A process and its descendants as they are now.
pub struct Tree {
    processes: Vec<Stat>,
}

struct Stat {
    pid: u32,
    parent: u32,
    /// Of this process and of its ended children.
    cpu_ticks: u64,
}

impl Tree {
    /// The tree below (and with) `root`.
    pub fn of(root: u32) -> Tree {
        let all: Vec<Stat> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(stat)
            .collect();
        let parents: HashMap<u32, u32> = all.iter().map(|stat| (stat.pid, stat.parent)).collect();
        let belongs = |mut pid: u32| {
            while pid != root {
                match parents.get(&pid) {
                    Some(&parent) => pid = parent,
                    None => return false,
                }
            }
            true
        };
        let processes = all.into_iter().filter(|stat| belongs(stat.pid)).collect();
        Tree { processes }
    }

    /// CPU seconds so far, user and system, in steps of 10 ms.
    pub fn cpu_s(&self) -> f64 {
        let ticks: u64 = self.processes.iter().map(|stat| stat.cpu_ticks).sum();
        ticks as f64 / TICKS_PER_S
    }

    /// Resident memory now, in KiB. Pages that processes share count once for each.
    pub fn resident_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Most resident memory since [`Tree::reset_peak`], in KiB; shared pages as above.
    pub fn peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Begins a new peak (proc_pid_clear_refs(5), value 5).
    pub fn reset_peak(&self) {
        for stat in &self.processes {
            // A process that has just ended has no peak to reset.
            let _ = fs::write(format!("/proc/{}/clear_refs", stat.pid), "5");
        }
    }

    fn memory(&self, field: &str) -> u64 {
        self.processes
            .iter()
            .filter_map(|stat| {
                let status = fs::read_to_string(format!("/proc/{}/status", stat.pid)).ok()?;
                let line = status.lines().find(|line| line.starts_with(field))?;
                line.split_whitespace().nth(1)?.parse::<u64>().ok()
            })
            .sum()
    }
}

/// proc_pid_stat(5): the fields behind the command name, which may itself hold spaces and parentheses.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // Fields 4 (ppid) and 14 to 17 (utime, stime, cutime, cstime), counted from 1; the first one here is number 3.
    let parent = fields.get(1)?.parse().ok()?;
    let cpu_ticks = fields.get(11..15)?.iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Some(Stat { pid, parent, cpu_ticks })
}
