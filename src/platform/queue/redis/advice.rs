//! What to tell whoever runs the server: settings with which it loses jobs.

use bytes::Bytes;

use super::{CALL, link::Link};
use crate::platform::queue::Finding;

/// Warns of what [`look`] finds.
pub(super) async fn warn(link: &Link, shown: &str) {
    for Finding { what, .. } in look(link).await {
        tracing::warn!("{shown}: {what}");
    }
}

/// Tells of a server that drops jobs when it is full, or keeps nothing when it restarts. Jobs come again from
/// the documents, but only after a while. Some providers do not let us see the settings.
pub(super) async fn look(link: &Link) -> Vec<Finding> {
    let setting = async |name: &'static str| {
        let args = vec![Bytes::from_static(b"GET"), Bytes::from_static(name.as_bytes())];
        let told = link.command("CONFIG", args, CALL).await.ok()?.texts();
        told.get(1).cloned()
    };
    warnings(
        setting("maxmemory-policy").await.as_deref(),
        setting("save").await.as_deref(),
        setting("appendonly").await.as_deref(),
    )
}

fn warnings(policy: Option<&str>, save: Option<&str>, append: Option<&str>) -> Vec<Finding> {
    let mut warnings = Vec::new();
    if let Some(policy) = policy
        && policy != "noeviction"
    {
        let what = format!("maxmemory-policy is {policy}, which drops jobs: set it to noeviction");
        warnings.push(Finding::trouble(what));
    }
    if save == Some("") && append == Some("no") {
        warnings.push(Finding::note("nothing is kept when it restarts: set appendonly to yes".to_owned()));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_lose_jobs_are_told() {
        assert!(warnings(Some("noeviction"), Some("3600 1"), Some("no")).is_empty());
        assert!(warnings(Some("noeviction"), Some(""), Some("yes")).is_empty());
        assert!(warnings(None, None, None).is_empty());
        assert!(warnings(Some("allkeys-lru"), None, None)[0].what.contains("allkeys-lru"));
        assert!(warnings(None, Some(""), Some("no"))[0].what.contains("appendonly"));
    }
}
