//! Who acts on the command line, and why: what the audit log keeps of it.

use anyhow::anyhow;

use crate::{
    features::audit::{AuditContext, Via},
    platform::config::operator,
};

/// For what others will ask about.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// Who does it; by default the user of this machine.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// The reason, which is kept in the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// For what speaks for itself.
#[derive(Debug, clap::Args)]
pub(super) struct ByAnyReason {
    /// Who does it; by default the user of this machine.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// The reason, which is kept in the audit log.
    #[arg(long, value_name = "TEXT", default_value = "on the command line")]
    reason: String,
}

impl By {
    pub(super) fn sign(&self) -> anyhow::Result<AuditContext> {
        sign(self.actor.as_deref(), &self.reason)
    }
}

impl ByAnyReason {
    pub(super) fn sign(&self) -> anyhow::Result<AuditContext> {
        sign(self.actor.as_deref(), &self.reason)
    }
}

pub(super) fn sign(actor: Option<&str>, reason: &str) -> anyhow::Result<AuditContext> {
    let actor = actor.map_or_else(operator, str::to_owned);
    AuditContext::new(&actor, Via::Cli, reason).map_err(|e| anyhow!("--actor, --reason: {e}"))
}
