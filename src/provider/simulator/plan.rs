//! How a call is handled: by the oldest matching rule, otherwise by the switches.

use std::time::Duration;

use super::{answer::Answer, call::Call, operation::Operation, state::State};

/// How one call is handled, decided when it arrives.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) answer: Answer,
    pub(super) acts: bool,
    pub(super) refuse: Option<String>,
    pub(super) before: Duration,
    pub(super) after: Duration,
}

impl Plan {
    pub(super) fn choose(state: &mut State, call: &Call) -> Self {
        let reference = call.reference(state);
        let invoice = call.text("invoice_number");
        let mut chosen = None;
        for rule in state
            .rules
            .iter_mut()
            .filter(|r| r.matches(call.operation, reference.as_deref(), invoice.as_deref()))
        {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times > 0 {
                rule.times -= 1;
                chosen = Some(rule.clone());
                break;
            }
        }
        state.rules.retain(|r| r.times > 0);
        let default_refusal = default_refusal(state, call.operation);
        let faults = state.faults();
        let before = chosen.as_ref().and_then(|r| r.latency_ms).unwrap_or(faults.latency_ms);
        let after = chosen.as_ref().and_then(|r| r.latency_after_ms).unwrap_or(faults.latency_after_ms);
        let (answer, acts, refuse) = match chosen {
            Some(rule) => (rule.answer, rule.acts, rule.refuse.or(default_refusal)),
            None => {
                let (answer, acts) = default_answer(state, call.operation);
                (answer, acts, default_refusal)
            }
        };
        let acts = acts.unwrap_or(answer.acts());
        Self {
            answer,
            acts,
            refuse,
            before: Duration::from_millis(before),
            after: Duration::from_millis(after),
        }
    }
}

fn default_refusal(state: &mut State, operation: Operation) -> Option<String> {
    match operation {
        Operation::Create => {
            state.creates = state.creates.saturating_add(1);
            let due = state.creates.is_multiple_of(state.faults().refuse_every.max(1));
            state.faults().refuse.clone().filter(|_| due)
        }
        Operation::Cancel => state.faults().refuse_cancel.clone(),
        _ => None,
    }
}

fn default_answer(state: &mut State, operation: Operation) -> (Answer, Option<bool>) {
    if state.faults().answer.is_normal() || !state.faults().answer_for.contains(&operation) {
        return (Answer::Normal, None);
    }
    state.default_answers = state.default_answers.saturating_add(1);
    let faults = state.faults();
    if state.default_answers.is_multiple_of(faults.answer_every.max(1)) {
        (faults.answer.clone(), faults.answer_acts)
    } else {
        (Answer::Normal, None)
    }
}
