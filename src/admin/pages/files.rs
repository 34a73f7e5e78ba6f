//! The files of `queue-ui/` that are served, each in the program. A test compares the list with the folder.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../queue-ui/", $path)))),*]
    };
}

/// By their paths in `queue-ui/`.
pub(super) const FILES: &[(&str, &str)] = files![
    "app.js",
    "icon.svg",
    "index.html",
    "lib/api.js",
    "lib/format.js",
    "lib/live.js",
    "lib/prefs.js",
    "lib/resource.js",
    "lib/router.js",
    "lib/session.js",
    "lib/strings.js",
    "lib/text.js",
    "lib/ui.js",
    "parts/actions.js",
    "parts/basics.js",
    "parts/bulk.js",
    "parts/chart.js",
    "parts/code.js",
    "parts/dialog.js",
    "parts/filters.js",
    "parts/icons.js",
    "parts/keys.js",
    "parts/lens.js",
    "parts/overview-store.js",
    "parts/shell.js",
    "parts/table.js",
    "parts/toast.js",
    "screens/account.js",
    "screens/audit.js",
    "screens/call.js",
    "screens/documents.js",
    "screens/dossier.js",
    "screens/failures.js",
    "screens/found.js",
    "screens/hold.js",
    "screens/job.js",
    "screens/kyc.js",
    "screens/login.js",
    "screens/merchant.js",
    "screens/merchants.js",
    "screens/messages.js",
    "screens/metrics.js",
    "screens/operation.js",
    "screens/operations.js",
    "screens/order.js",
    "screens/orders.js",
    "screens/overview.js",
    "screens/queue-clear.js",
    "screens/queue-table.js",
    "screens/queue.js",
    "screens/review.js",
    "screens/timeline.js",
    "screens/users.js",
    "screens/webhooks.js",
    "screens/workers.js",
    "styles/base.css",
    "styles/parts.css",
    "styles/screens.css",
    "styles/shell.css",
    "theme.js",
    "vendor/htm-3.1.1.js",
    "vendor/preact-10.29.8.js",
    "vendor/preact-hooks-10.29.8.js",
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    fn walk(folder: &Path, root: &Path, out: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                walk(&path, root, out);
            } else if !name.ends_with(".md") && !name.contains("LICENSE") {
                out.insert(name);
            }
        }
    }

    #[test]
    fn the_list_is_the_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("queue-ui");
        let mut there = BTreeSet::new();
        walk(&root, &root, &mut there);
        let listed: BTreeSet<_> = super::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, there);
    }
}
