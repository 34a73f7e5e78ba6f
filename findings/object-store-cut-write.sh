#!/usr/bin/env bash
# A file is uploaded in parts into a folder by the crate object_store, and the upload is cut off.
#
# One would guess: it is not there, as in S3; or it is there and can be found, so that an erasure or a cleanup
# that goes by the store's own listing gets all that was ever written.
# What happens: the bytes lie beside where the file would be, as NAME#1. No listing of the store has it, NAME
# is not found, and to delete NAME leaves it. A second upload that is cut off makes NAME#2. A customer's
# document of which the erasure was proven by the listing is still on the disk. The documentation says only
# that such names are not supported.
# Seen since: object_store 0.14.2 (crates.io), LocalFileSystem on Linux.
# For us: what is erased is looked for in the folder itself, and NAME#1 … are removed with NAME.
set -euo pipefail
command -v cargo >/dev/null || { echo "cargo is missing" >&2 && exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir -p src files
cat >Cargo.toml <<'TOML'
[package]
name = "cut-write"
version = "0.0.0"
edition = "2021"

[dependencies]
object_store = { version = "=0.14.2", default-features = false, features = ["fs"] }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
futures-util = "0.3"
TOML
cat >src/main.rs <<'RS'
use futures_util::TryStreamExt;
use object_store::{local::LocalFileSystem, path::Path, Error, ObjectStore, ObjectStoreExt};

async fn cut(store: &LocalFileSystem, name: &Path) {
    let mut upload = store.put_multipart(name).await.unwrap();
    upload.put_part("a page of a passport".into()).await.unwrap();
    // The process ends here: neither complete nor abort is called.
    std::mem::forget(upload);
}

async fn listed(store: &LocalFileSystem) -> Vec<String> {
    let all: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut names: Vec<_> = all.into_iter().map(|one| one.location.to_string()).collect();
    names.sort();
    names
}

#[tokio::main]
async fn main() {
    let store = LocalFileSystem::new_with_prefix("files").unwrap();
    store.put(&Path::from("kyc/pan.pdf"), "whole".into()).await.unwrap();
    let name = Path::from("kyc/lead.pdf");
    cut(&store, &name).await;
    cut(&store, &name).await;
    println!("listed: {}", listed(&store).await.join(" "));
    let found = match store.head(&name).await {
        Ok(_) => "found",
        Err(Error::NotFound { .. }) => "not found",
        Err(_) => "an error",
    };
    println!("kyc/lead.pdf: {found}");
    drop(store.delete(&name).await);
    println!("listed after its delete: {}", listed(&store).await.join(" "));
}
RS
cargo build --quiet >build.log 2>&1 || { cat build.log >&2 && exit 2; }
seen=$(
    target/debug/cut-write
    printf 'on the disk: %s\n' "$(cd files && find . -type f -printf '%P\n' | sort | paste -sd ' ')"
)
expected='listed: kyc/pan.pdf
kyc/lead.pdf: not found
listed after its delete: kyc/pan.pdf
on the disk: kyc/lead.pdf#1 kyc/lead.pdf#2 kyc/pan.pdf'
echo "object_store 0.14.2, $(date -u +%F)"
echo "One would expect of an upload that was cut off: nothing on the disk, or something that is listed."
echo "Seen:"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed." && exit 1; }
