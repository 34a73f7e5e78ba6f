// Words for what the API names in codes. An unknown code is shown as it is.

export const sync = {
  queued: "Queued", processing: "Processing", success: "Booked", failed: "Failed", retrying: "Retrying",
  reconciling: "Reconciling", needs_review: "Needs a person", cancelled: "Cancelled",
};
export const syncTone = {
  queued: "info", processing: "info", success: "ok", failed: "bad", retrying: "wait", reconciling: "wait",
  needs_review: "review", cancelled: "mute",
};
export const status = { pending: "Pending", booked: "Booked", failed: "Failed", cancelled: "Cancelled" };

export const jobState = {
  waiting: "Waiting", active: "Active", delayed: "Delayed", completed: "Completed", failed: "Failed",
};
export const jobTone = { waiting: "info", active: "info", delayed: "wait", completed: "ok", failed: "bad" };

/** Of each reason for a review: its name, what it means, and what to do next. */
export const reviewCode = {
  "provider-unreachable": ["ParcelX not reached", "Waited a whole day without getting through.",
    "When ParcelX is back, book again. Orders that may have got through are looked up first."],
  "account-held": ["Account was held", "Waited a whole day while the ParcelX account could not be used.",
    "When the account works again, book again. Orders that may have got through are looked up first."],
  "internal-error": ["Our own error", "The job failed on our side until its tries were used up.",
    "Have the cause mended, then book again."],
  "booked-awb-unknown": ["Booked, AWB unknown", "ParcelX has the order but does not tell its AWB.",
    "Read the AWB in ParcelX's panel and adopt it. Do not book again: it is booked."],
  "outcome-unknown": ["Outcome unknown", "A call was sent, and look-ups cannot tell what became of it.",
    "Adopt what ParcelX has first. For the rest look into ParcelX's panel, then book again or fail."],
  "other-provider-environment": ["Other environment", "The order belongs to another provider environment.",
    "Settle it where that environment is set up, or fail it."],
  "found-cancelled": ["Found cancelled", "It was booked, and cancelled outside Waybill.",
    "Ask the merchant: book again, or fail."],
  "second-shipment": ["Second shipment", "There is more than one shipment for the order.",
    "Cancel the one too many, or write down what became of it."],
  "poison": ["Job keeps vanishing", "Three jobs in a row ended without moving the order on.",
    "Have the cause mended, then book again."],
  "awb-of-another-order": ["AWB of another order", "ParcelX named an AWB that another order has.",
    "Compare both orders in ParcelX's panel; adopt the right AWB, or fail."],
  "cancel-unclear": ["Cancellation unclear", "Whether ParcelX cancelled the shipment is not known.",
    "Look into ParcelX's panel: close the shipment as cancelled or as travelling, or cancel it again."],
  "cancel-unconfirmed": ["Cancellation unconfirmed", "ParcelX accepted the cancel; tracking never showed it.",
    "Look into ParcelX's panel: close the shipment as cancelled or as travelling, or cancel it again."],
  "cancel-refused": ["Cancellation refused", "A shipment that is not wanted is live: its cancel was refused.",
    "Cancel it again, or settle it with the courier and close it as travelling."],
};
export const reviewName = (code) => reviewCode[code]?.[0] ?? code;
export const nextStep = (code) => reviewCode[code]?.[2];

export const holdKind = {
  wallet: "the wallet is empty", credentials: "our keys are refused",
    configuration: "its address or method is wrong", refusals: "it refuses every order with the same words",
    account: "it refuses our account",
};

/** Why a person's action was refused, by code. */
export const refusal = {
  "nobody": "Nobody works for it", "suspended": "It is suspended",
  "not-in-review": "It does not wait for a person any more", "under-way": "Its call may still be under way",
  "moved-on": "It was changed by others meanwhile",
    "cancel-requested": "Its merchant has requested its cancellation",
  "other-environment": "It belongs to another provider environment", "bad-awb": "The AWB is none",
  "awb-of-another-order": "Another order has this AWB", "being-cancelled": "Its shipment is being cancelled",
  "shipment-cancelled": "ParcelX shows the shipment as cancelled",
    "not-ours": "ParcelX has our reference under another AWB",
  "untied": "Nothing ties the AWB to our reference", "unknown-awb": "ParcelX does not know the AWB",
  "cannot-ask": "ParcelX cannot be asked", "found-at-parcelx": "ParcelX has the order: adopt it",
  "not-found": "ParcelX does not find our reference",
    "booked-after-all": "Its call was answered after all: it is booked",
    "booked-though-failed": "ParcelX has booked it all the same: that is settled first",
  "nothing-to-cancel": "No shipment of it waits for a person",
    "several-shipments": "Several shipments wait: name one",
  "no-such-job": "The queue has no such job any more", "job-state": "It is in another state by now",
  "open-job": "It stands for an order that is open", "job-needed": "Another job, or a scheduler, needs it",
};

export const operationKind = {
  "review.rebook": "Book again", "review.adopt-found": "Adopt what ParcelX has", "review.fail": "Fail orders",
  "review.cancel-shipment": "Cancel shipments again", "review.close-shipment": "Close shipments",
  "orders.resend": "Send failed orders again", "jobs.retry": "Retry jobs", "jobs.promote": "Run jobs now",
  "jobs.remove": "Remove jobs", "merchants.notice": "Notice to merchants",
};
/** What became of shipments that are closed. */
export const fate = { cancelled: "They are cancelled", live: "They travel" };
export const operationState = {
  waiting: "Waiting", running: "Running", paused: "Paused", done: "Done", cancelled: "Cancelled",
    stopped: "Stopped",
};
export const operationTone = {
  waiting: "info", running: "info", paused: "wait", done: "ok", cancelled: "mute", stopped: "bad",
};

export const failureKind = {
  refused: "Refused by ParcelX", review: "Needs a person", internal: "Our own error", provider: "ParcelX",
};

export const kycState = {
  submitted: "Submitted", draft: "Draft", approved: "Approved", rejected: "Rejected",
};
export const kycTone = { submitted: "wait", draft: "mute", approved: "ok", rejected: "bad" };
export const merchantState = { active: "Active", suspended: "Suspended" };
export const merchantTone = { active: "ok", suspended: "bad" };
/** What members of a merchant may do; those who decide come first. */
export const memberRole = { owner: "Owner", staff: "Staff", viewer: "Viewer" };
/** Documents, the details that a submission needs, and what was done. */
export const kycDocument = {
  pan_card: "PAN card", gst_certificate: "GST certificate", cancelled_cheque: "Cancelled cheque",
  address_proof: "Proof of address",
};
const kycDetail = {
  legalName: "legal name", businessKind: "kind of business", pan: "PAN", gstin: "GSTIN", bank: "bank account",
  address: "address",
};
export function kycMissing(pointer) {
  const [first, kind] = pointer.replace(/^\//, "").split("/");
  return first === "documents" ? kycDocument[kind] ?? kind : kycDetail[first] ?? pointer;
}
const kycDone = {
  details: "Details told", submitted: "Handed in", approved: "Approved", rejected: "Rejected",
  upload: "Uploaded", erase: "Erased", erased: "All of it erased",
};
export function kycStep(what) {
  const [act, kind] = what.split(":");
  if (!kycDone[act]) return what;
  return kind ? `${kycDone[act]}: ${kycDocument[kind] ?? kind}` : kycDone[act];
}
export const businessKind = {
  individual: "Individual", proprietorship: "Proprietorship", partnership: "Partnership", llp: "LLP",
  private_limited: "Private limited", public_limited: "Public limited", trust_or_society: "Trust or society",
};

/** Label, what it does in a sentence (when the API says no effect), and whether it looks dangerous. */
export const action = {
  "adopt": { label: "Adopt AWB", done: "Adopted." },
  "rebook": { label: "Book again", done: "Will be booked again." },
  "fail": { label: "Fail order", done: "Failed.", danger: true },
  "cancel-shipment": { label: "Cancel shipment", done: "Cancellation sent.", danger: true },
  "close-shipment": { label: "Close shipment", done: "Closed." },
  "cancel": { label: "Cancel order", done: "Cancelled, or on its way to it.", danger: true },
  "amend": { label: "Amend and resend", done: "Amended." },
  "resend": { label: "Send again", done: "Will be sent again." },
  "try-now": { label: "Try now", done: "Due now." },
  "reveal": { label: "Reveal personal data", done: "Revealed." },
  "erase": { label: "Erase personal data", done: "Erased.", danger: true },
  "retry": { label: "Retry", done: "Waits again." },
  "promote": { label: "Run now", done: "Due now." },
  "remove": { label: "Remove", done: "Removed.", danger: true },
  "edit": { label: "Edit data", done: "Changed." },
  "drain": { label: "Drain", done: "Started.", danger: true },
  "clean": { label: "Clean", done: "Started.", danger: true },
};
export const actionLabel = (name) => action[name]?.label ?? name;

export const field = {
  kind: "Kind", by: "by", providerSyncStatus: "Sync status", status: "Status", userId: "Merchant", q: "Text",
  from: "From", to: "To", name: "Job name", order: "Order", code: "Reason", before: "Until", action: "Action",
  actor: "Person", target: "Target", result: "Result", of: "Part", state: "State", chosen: "Chosen",
    cause: "Cause", text: "Words", queue: "Queue",
};
export const of = { booking: "Booking", cancellation: "Cancellation" };

export const metricName = {
  throughput: "Throughput", failures: "Failures", latency: "Latency", depth: "Queue depth",
  verdicts: "What ParcelX answered",
};
/** What ParcelX is asked. */
export const providerOperation = {
  create_order: "Book", track_order: "Look up", cancel_order: "Cancel", label: "Label",
};
export const seriesName = {
  completed: "completed", failed: "failed", retried: "tried again", p50: "p50", p95: "p95", p99: "p99",
    waiting: "waiting",
  delayed: "delayed", active: "active", booked: "booked", refused: "refused", unknown: "unknown",
    busy: "busy",
  notSent: "not sent", wallet: "wallet", credentials: "credentials", configuration: "configuration",
};
