//! What the kernel says of a process and of the machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Ticks of a process's clock in a second: fixed on Linux for what programs are shown.
const TICKS_A_SECOND: u64 = 100;

/// The time that a process has spent on the processors, its own and the kernel's on its behalf.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything.
    let fields = stat.rsplit_once(')').context("no name in stat")?.1;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = |index: usize| -> Result<u64> { Ok(fields.get(index).context("stat")?.parse()?) };
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / TICKS_A_SECOND))
}

/// How many bytes a process has had written to a disk: a page that it changed counts as a whole.
pub fn disk_bytes(pid: u32) -> Result<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.context("write_bytes")?.trim().parse()?)
}

/// The memory that a process holds resident, in KiB.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The machine that figures were measured on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub kernel: String,
}

pub fn machine() -> Result<Machine> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let processor = model.and_then(|model| model.split_once(':')).map_or("unknown", |(_, it)| it);
    let memory = fs::read_to_string("/proc/meminfo")?;
    let total =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).context("MemTotal")?;
    let total: u64 = total.trim().trim_end_matches(" kB").parse()?;
    Ok(Machine {
        processor: processor.trim().to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        memory_gib: (total + (1 << 19)) >> 20,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
    })
}
