// A merchant's documents. One is fetched when somebody says why; its bytes are in memory alone, as long as it
// is looked at, and are shown as what the service found them to be.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { bytes } from "../lib/format.js";
import { whyNot } from "../lib/session.js";
import { Data, plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { Ago, Note, Panel } from "../parts/basics.js";
import { confirm } from "../parts/dialog.js";

// Of these types alone: nothing that a browser would run.
const TYPES = { pdf: "application/pdf", jpeg: "image/jpeg", png: "image/png" };
const ENDINGS = { pdf: "pdf", jpeg: "jpg", png: "png" };

/** Addresses in memory by kind of document; given back when the screen is left. */
function useSeen() {
  const [seen, setSeen] = useState({});
  const made = useRef([]);
  useEffect(() => () => made.current.forEach((address) => URL.revokeObjectURL(address)), []);
  return {
    seen,
    show(kind, file, data) {
      const type = TYPES[file.fileType] ?? "application/octet-stream";
      const address = URL.createObjectURL(new Blob([data], { type }));
      made.current.push(address);
      setSeen((old) => ({ ...old, [kind]: { address, file } }));
    },
    hide(kind) {
      URL.revokeObjectURL(seen[kind]?.address);
      setSeen(({ [kind]: _, ...rest }) => rest);
    },
  };
}

function Seen({ address, file, name, hide }) {
  const [broken, setBroken] = useState(false);
  const picture = file.fileType !== "pdf";
  return html`<div class="stack tight seen">
    <${Note} tone="wait" icon="lock">Shown to you alone until you leave this page; the audit log keeps that
      you looked.<//>
    ${picture && !broken && html`<a href=${address} target="_blank" rel="noopener" title="In its full size">
      <img src=${address} alt=${`${name} of the merchant`} onError=${() => setBroken(true)} /></a>`}
    ${broken && html`<p class="faint">Your browser cannot show this picture. Download it.</p>`}
    <div class="row">
      ${!picture && html`<a class="btn small" href=${address} target="_blank" rel="noopener">
        Open in a new tab</a>`}
      <a class="btn small" href=${address} download=${`${file.kind}.${ENDINGS[file.fileType] ?? "bin"}`}>
        Download</a>
      <button class="btn small quiet" onClick=${hide}>Hide again</button></div></div>`;
}

export function Documents({ kyc }) {
  const { seen, show, hide } = useSeen();
  const no = whyNot("reveal");
  const view = async (file) => {
    const name = words.kycDocument[file.kind] ?? file.kind;
    const answer = await confirm({
      title: `View: ${name}`, label: "View",
      effect: `The ${name} of ${plain(kyc.legalName ?? kyc.merchantId)} is shown to you. The audit log keeps `
        + "that you looked and why.",
      run: ({ reason }) => api.kycDocument(kyc.merchantId, file.kind, { reason }),
    });
    if (answer?.done) show(file.kind, file, answer.done);
  };
  const line = (kind) => {
    const name = words.kycDocument[kind] ?? shown(kind);
    const file = kyc.documents.find((one) => one.kind === kind);
    // Another file has taken its place since.
    const open = file && seen[kind]?.file.sha256 === file.sha256 ? seen[kind] : null;
    return html`<li class="line-item" key=${kind}><span><strong>${name}</strong>
      ${file ? html`<span class="sub">${shown(file.fileType.toUpperCase())}, ${bytes(file.size)} · uploaded
        ${" "}<${Ago} value=${file.uploadedAt} /> by <${Data} value=${file.uploadedBy} /></span>`
        : html`<span class="sub">${kyc.missing.includes(`documents/${kind}`) ? "Missing: not uploaded"
          : "Not uploaded, and not needed"}</span>`}</span>
      ${file && !open && html`<${ActButton} small right="reveal"
        label=${html`View…<span class="sr"> ${name}</span>`} onClick=${() => view(file)} />`}
      ${open && html`<${Seen} ...${open} name=${name} hide=${() => hide(kind)} />`}</li>`;
  };
  const others = kyc.documents.map(({ kind }) => kind).filter((kind) => !words.kycDocument[kind]);
  return html`<${Panel} title="Documents" flush footer=${no && kyc.documents.length > 0
    && html`Documents cannot be viewed by you. ${no}`}>
    <ul aria-label="Documents">${[...Object.keys(words.kycDocument), ...others].map(line)}</ul><//>`;
}
