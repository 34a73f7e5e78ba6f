//! `label`: the address of a PDF, and the PDF itself if the address is one of the simulator.

use serde_json::json;

use super::{
    call::{Call, Effect, Reply},
    ledger::What,
    state::State,
};
use crate::base::timestamp::Timestamp;

pub(super) fn run(state: &mut State, call: &Call, now: Timestamp) -> Effect {
    if call.parameter("label_type") != Some("label") {
        return Effect::refused(state, &["label_type must be label.".to_owned()]);
    }
    let Some(awb) = call.parameter("awb").map(str::to_owned) else {
        return Effect::refused(state, &["awb is required.".to_owned()]);
    };
    let Some(shipment) = state.shipments().get(&awb) else {
        return Effect { awb: Some(awb), ..Effect::not_found(state, "AWB not found.") };
    };
    let reference = Some(shipment.reference.clone());
    let effect = if shipment.live(now) {
        let url = match (&state.faults().label_url, &call.base) {
            (Some(template), _) => template.replace("{awb}", &awb),
            (None, base) => format!("{}/_sim/label/{awb}.pdf", base.as_deref().unwrap_or_default()),
        };
        Effect::new(What::Found, Reply::ok(&json!({ "status": true, "label_url": url })))
    } else {
        Effect::refused(state, &["Label is not available for a cancelled order.".to_owned()])
    };
    Effect { reference, awb: Some(awb), ..effect }
}

/// A one-page PDF, 4 by 6 inches, that shows `awb` (digits only).
pub(super) fn pdf(awb: &str) -> String {
    let drawing = format!(
        "BT /F1 22 Tf 30 380 Td (AWB {awb}) Tj 0 -30 Td /F1 12 Tf (Simulated label: not for shipping) Tj ET"
    );
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 288 432] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = file.len();
    let count = objects.len().saturating_add(1);
    file.push_str(&format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file
}
