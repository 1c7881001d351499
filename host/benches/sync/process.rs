//! What a process took, by the kernel's account.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

pub struct Usage {
    pub wall: Duration,
    /// In user space and in the kernel, all threads.
    pub cpu: Duration,
    /// The most memory that was resident at once, in bytes.
    pub memory: u64,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> io::Result<(ExitStatus, Usage)> {
    let start = Instant::now();
    let child = command.spawn()?;
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    let mut usage = MaybeUninit::uninit();
    // SAFETY: both pointers are to values that live until the call returns, and the child is ours and was not
    // waited for.
    if unsafe { libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()) } != pid {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `wait4` succeeded, so it has filled it in.
    let usage = unsafe { usage.assume_init() };
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    let memory = u64::try_from(usage.ru_maxrss).unwrap_or_default() * unit;
    Ok((ExitStatus::from_raw(status), Usage { wall: start.elapsed(), cpu: cpu(&usage), memory }))
}

/// What this process took so far, in user space and in the kernel.
pub fn own_cpu() -> io::Result<Duration> {
    let mut usage = MaybeUninit::uninit();
    // SAFETY: the pointer is to a value that lives until the call returns.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `getrusage` succeeded, so it has filled it in.
    Ok(cpu(&unsafe { usage.assume_init() }))
}

fn cpu(usage: &libc::rusage) -> Duration {
    let time = |value: libc::timeval| {
        let seconds = u64::try_from(value.tv_sec).unwrap_or_default();
        Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(value.tv_usec).unwrap_or_default())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}
