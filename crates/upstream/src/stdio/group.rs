//! The process group of a child: what is signalled, and what is never left behind.
//!
//! The child leads its own group, so the signals also reach what it started (`npx` starts a
//! shell that starts the server). A child that moves itself into another group or session
//! escapes this; the sandbox is what holds such a child. The guard works when the gateway
//! unwinds from a panic; when the gateway itself is killed its end of the pipes closes, which is
//! the protocol's own sign to stop. A parent-death signal would need `unsafe` between fork and
//! exec and is not used.

#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process_group};

/// Kills the whole group when dropped. Without effect where there are no process groups.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    #[cfg(unix)]
    leader: Option<Pid>,
}

impl ProcessGroup {
    /// The group led by the child with this process id.
    #[cfg(unix)]
    pub(crate) fn led_by(child: Option<u32>) -> Self {
        let leader = child.and_then(|id| i32::try_from(id).ok());
        Self {
            leader: leader.and_then(Pid::from_raw),
        }
    }

    /// The group led by the child with this process id.
    #[cfg(not(unix))]
    pub(crate) fn led_by(_child: Option<u32>) -> Self {
        Self {}
    }

    /// Asks every process of the group to end.
    pub(crate) fn terminate(&self) {
        #[cfg(unix)]
        self.signal(Signal::TERM);
    }

    /// Ends every process of the group.
    pub(crate) fn kill(&self) {
        #[cfg(unix)]
        self.signal(Signal::KILL);
    }

    #[cfg(unix)]
    fn signal(&self, signal: Signal) {
        let Some(group) = self.leader else { return };
        match kill_process_group(group, signal) {
            // Nobody left in the group: the aim is reached.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => {
                tracing::warn!(target: "upstream", %error, "could not signal a process group");
            }
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}
