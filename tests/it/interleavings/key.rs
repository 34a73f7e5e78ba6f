//! When two states are the same: when they have the same future. What can have no effect any more is taken
//! out, times count from now, and of what is over only that is kept which somebody may yet look at.

use std::time::Duration;

use waybill::{
    base::timestamp::Timestamp,
    features::orders::{
        model::{CancellationState, Order, ShipmentCancellationState},
        status::SyncStatus,
    },
};

use super::{
    reviewers::{Act, Action, At, FalseWords},
    steps::POLLS,
    world::{Break, Call, Change, Id, Known, Run, Stage, World, Writing},
};

impl World {
    /// Whether anybody may yet look at the logs of this attempt.
    fn is_of_interest(&self, id: Id) -> bool {
        let run = |run: &Run| match run {
            Run::Idle => false,
            Run::Tombstone(at)
            | Run::ReadOutcome(at)
            | Run::WriteUnknown(at)
            | Run::ReadAgain(at)
            | Run::LookUp(at) => *at == id,
            Run::Loaded(copy) => copy.attempt().is_some_and(|a| Id::of(a) == id),
            Run::Take(_) | Run::Write(_) => false,
        };
        let call = |call: &Call| call.id == id && !matches!(call.stage, Stage::Write(_));
        let reviewer = |action: &Action| action.seen.attempt().is_some_and(|a| Id::of(a) == id);
        self.order.attempt().is_some_and(|a| Id::of(a) == id)
            || self.runs.iter().any(run)
            || self.calls.iter().any(call)
            || self.reviewers.iter().flatten().any(reviewer)
    }

    /// Takes out what can have no effect any more, so that it is not searched again and again: a copy to be
    /// saved that is stale is decided anew, one to be taken is dropped, and on an order that is final nothing
    /// can be changed but a request be noted.
    pub(super) fn tidy(&mut self) {
        let version = self.order.version();
        let (checked_take, checked_save) = match self.scenario.broken {
            Break::TakeUnchecked => (false, true),
            Break::SettleUnchecked | Break::CancelUnchecked => (true, false),
            _ => (true, true),
        };
        let is_final = self.order.provider_sync_status().is_final();
        let people = self.scenario.ops > 0;
        // What a person failed may be booked after all, or be amended.
        let moot = |writing: &Writing| {
            let (Writing::Decide(change) | Writing::Save(change, _)) = writing;
            let booked = matches!(change, Change::Settle(_, Known::Booked) | Change::Found(..));
            is_final && checked_save && !(people && booked) && self.amends == 0
        };
        let stale = |writing: &mut Writing| {
            if let Writing::Save(change, copy) = writing
                && checked_save
                && copy.version() != version
            {
                *writing = Writing::Decide(*change);
            }
        };
        for run in &mut self.runs {
            match run {
                Run::Loaded(copy) if checked_take && !leads_on(copy, version) => *run = Run::Idle,
                Run::Take(copy) if checked_take && copy.version() != version => *run = Run::Idle,
                Run::Write(writing) if moot(writing) => *run = Run::Idle,
                Run::Write(writing) => stale(writing),
                _ => {}
            }
        }
        self.calls.retain(|call| !matches!(&call.stage, Stage::Write(writing) if moot(writing)));
        for call in &mut self.calls {
            if let Stage::Write(writing) = &mut call.stage {
                stale(writing);
            }
        }
        self.merchant.iter_mut().for_each(stale);
        // An action on an order that others moved on comes to nothing, once it has shut out or read what it
        // is about to.
        for reviewer in &mut self.reviewers {
            if let Some(action) = reviewer
                && matches!(action.at, At::Look(_) | At::Decide { .. })
                && !self.order.called_as_in(&action.seen)
            {
                *reviewer = None;
            }
        }
    }

    /// The same for all states that have the same future: times from now on, passed ones alike; copies as old
    /// or as new as the order.
    pub(super) fn key(&self) -> Vec<u8> {
        Key::of(self, 128, |key| self.write_key(key))
    }

    fn write_key(&self, key: &mut Key) {
        key.order(&self.order);
        self.taken.iter().for_each(|id| key.push(&[id.0]));
        key.push(&[199]);
        for log in &self.logs {
            if log.is_unbooked() && !self.is_of_interest(log.id) {
                key.push(&[log.id.0, 198]);
                continue;
            }
            // A second answer says nothing beside a first one.
            let late = log.late.filter(|_| log.outcome == Some(Known::NoRecord));
            key.push(&[
                log.id.0,
                u8::from(log.request),
                u8::from(log.tombstone) + 2 * u8::from(log.absent) + 4 * u8::from(log.vouched),
                known(log.outcome),
                known(late),
            ]);
        }
        key.push(&[200]);
        for create in &self.creates {
            let answers =
                self.calls.iter().any(|call| call.id == create.id && matches!(call.stage, Stage::Answer));
            if answers || !create.done.is_some_and(Known::is_unbooked) {
                key.push(&[create.id.0, known(create.done) + 100 * u8::from(create.cancelled)]);
            }
        }
        // The two workers are alike.
        let mut runs = [0, 1].map(|n| Key::of(self, 32, |key| key.run(&self.runs[n])));
        runs.sort_unstable();
        runs.iter().for_each(|run| key.push(run));
        for call in &self.calls {
            key.call(call);
        }
        key.push(&[201]);
        if let Some(writing) = &self.merchant {
            key.writing(writing);
        }
        let mut reviewers = [0, 1].map(|n| Key::of(self, 32, |key| key.reviewer(self.reviewers[n].as_ref())));
        reviewers.sort_unstable();
        reviewers.iter().for_each(|reviewer| key.push(reviewer));
        let FalseWords { adopt, rebook, fail, outdated } = self.words;
        let outdated = outdated && self.scenario.careful;
        key.push(&[
            u8::from(adopt) + 2 * u8::from(rebook) + 4 * u8::from(fail) + 8 * u8::from(outdated),
            self.ops,
            self.amends,
        ]);
        key.push(&[self.cancels, self.deaths, self.sweeps]);
    }
}

/// Whether a worker with this copy can do anything: a stale one cannot be taken.
fn leads_on(copy: &Order, version: i64) -> bool {
    match copy.provider_sync_status() {
        SyncStatus::Queued if copy.open_attempt().is_some() => true,
        SyncStatus::Queued | SyncStatus::Retrying => copy.version() == version,
        SyncStatus::Processing | SyncStatus::Reconciling => true,
        _ => false,
    }
}

struct Key {
    now: Timestamp,
    last_poll: Duration,
    version: i64,
    people: bool,
    generation: i64,
    bytes: Vec<u8>,
}

impl Key {
    fn of(world: &World, size: usize, write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let (now, version, last_poll) = (world.now, world.order.version(), POLLS[world.scenario.polls - 1]);
        let people = world.scenario.ops > 0;
        let mut key = Self {
            now,
            last_poll,
            version,
            people,
            generation: world.order.generation(),
            bytes: Vec::with_capacity(size),
        };
        write(&mut key);
        key.bytes
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.push(text.as_bytes());
        self.push(&[0]);
    }

    fn time(&mut self, at: Option<Timestamp>) {
        let left = at.map_or(u64::MAX, |at| u64::try_from(at.since(self.now).as_millis()).unwrap());
        self.push(&left.to_be_bytes());
    }

    /// What a copy decides: one to be taken is the order itself, if it is not stale; of others all that
    /// matters is what they say.
    fn copy(&mut self, copy: &Order) {
        let fresh = copy.version() == self.version;
        match copy.provider_sync_status() {
            SyncStatus::Queued | SyncStatus::Retrying if fresh => self.push(&[1]),
            SyncStatus::Processing => {
                self.push(&[2, copy.attempt().map_or(0, |a| Id::of(a).0)]);
                self.time(copy.attempt().map(|a| a.settle_after));
            }
            SyncStatus::Reconciling => {
                self.push(&[3, copy.attempt().map_or(0, |a| Id::of(a).0)]);
                self.time(copy.next_check_at());
            }
            _ => {
                self.push(&[4]);
                self.order(copy);
            }
        }
    }

    fn order(&mut self, order: &Order) {
        let small = |n: i64| u8::try_from(n).unwrap();
        let status = SyncStatus::ALL.iter().position(|s| *s == order.provider_sync_status()).unwrap();
        self.push(&[
            u8::try_from(status).unwrap(),
            small(order.generation()),
            small(i64::from(order.dispatch().tries())),
        ]);
        self.push(&[u8::from(!order.outbox().is_empty()), u8::from(order.overdue_at().is_some())]);
        self.text(order.awb().unwrap_or_default());
        self.push(&[order.attempt().map_or(0, |a| Id::of(a).0)]);
        self.push(&[
            order.booking().unresolved().map_or(0, |d| small(i64::from(d.calls) + 1)),
            request(order.cancellation().state()),
        ]);
        order.booking().duplicate_awbs().iter().for_each(|awb| self.text(awb));
        for cancel in order.cancellation().shipments() {
            self.text(&cancel.awb);
            self.push(&[cancelled(cancel.state)]);
        }
        let ended = order.has_ended();
        self.push(&[202, u8::from(ended)]);
        match order.provider_sync_status() {
            SyncStatus::Processing => self.time(order.attempt().map(|a| a.settle_after)),
            SyncStatus::Queued | SyncStatus::NeedsReview if self.people && !ended => {
                self.time(order.attempt().map(|a| a.settle_after));
            }
            SyncStatus::Retrying => self.time(order.next_check_at()),
            SyncStatus::Reconciling => {
                self.time(order.next_check_at());
                self.time(order.booking().unresolved().map(|d| d.since + self.last_poll));
            }
            _ => {}
        }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Settle(id, what) => self.push(&[1, id.0, known(Some(*what))]),
            Change::Found(id, shipment) => self.push(&[3, id.0, shipment.0]),
            Change::Absent(id) => self.push(&[4, id.0]),
            Change::PollAgain(id, at) => {
                self.push(&[2, id.0]);
                self.time(Some(*at));
            }
            Change::GiveUp(id, found) => self.push(&[5, id.0, u8::from(*found)]),
            Change::CancelDecision => self.push(&[255]),
        }
    }

    fn writing(&mut self, writing: &Writing) {
        match writing {
            Writing::Decide(change) => {
                self.push(&[100]);
                self.change(change);
            }
            Writing::Save(change, copy) => {
                self.push(&[101, u8::from(copy.version() == self.version)]);
                self.change(change);
                self.order(copy);
            }
        }
    }

    fn run(&mut self, run: &Run) {
        match run {
            Run::Idle => self.push(&[110]),
            Run::Loaded(copy) => {
                self.push(&[111]);
                self.copy(copy);
            }
            Run::Take(copy) => {
                self.push(&[112, u8::from(copy.version() == self.version)]);
                self.order(copy);
            }
            Run::Tombstone(id) => self.push(&[113, id.0]),
            Run::ReadOutcome(id) => self.push(&[114, id.0]),
            Run::WriteUnknown(id) => self.push(&[115, id.0]),
            Run::ReadAgain(id) => self.push(&[116, id.0]),
            Run::LookUp(id) => self.push(&[117, id.0]),
            Run::Write(writing) => self.writing(writing),
        }
    }

    fn reviewer(&mut self, action: Option<&Action>) {
        let Some(Action { act, seen, at }) = action else { return self.push(&[150]) };
        let (id, kind) = match *act {
            Act::AdoptFound => (0, 0),
            Act::Adopt(id, verified) => (id.0, 1 + u8::from(verified)),
            Act::Rebook(force) => (0, 3 + u8::from(force)),
            Act::Fail => (0, 5),
        };
        self.push(&[
            151,
            id,
            kind,
            u8::from(seen.generation() == self.generation),
            seen.attempt().map_or(0, |a| Id::of(a).0),
        ]);
        self.push(&[u8::from(seen.booking().unresolved().is_some())]);
        match at {
            At::Check => self.order(seen),
            At::Tombstone(id) => self.push(&[152, id.0]),
            At::Read(id) => self.push(&[153, id.0]),
            At::WriteUnknown(id) => self.push(&[154, id.0]),
            At::ReadAgain(id) => self.push(&[155, id.0]),
            At::Look(may_be_booked) => self.push(&[156, u8::from(*may_be_booked)]),
            At::Decide { may_be_booked, missed, found } => {
                self.push(&[157, u8::from(*may_be_booked), u8::from(*missed), found.map_or(0, |id| id.0)]);
            }
        }
    }

    fn call(&mut self, call: &Call) {
        let mark = match &call.stage {
            Stage::LogRequest => 120,
            Stage::CheckTime => 121,
            Stage::Send => 122,
            Stage::Answer => 123,
            Stage::LogOutcome(what) => 130 + known(Some(*what)),
            Stage::Write(_) => 124,
        };
        self.push(&[mark, call.id.0]);
        if call.is_unsent() {
            self.time(Some(call.send_by));
        }
        if let Stage::Write(writing) = &call.stage {
            self.writing(writing);
        }
    }
}

fn request(state: CancellationState) -> u8 {
    match state {
        CancellationState::None => 0,
        CancellationState::Requested => 1,
        CancellationState::Sent => 2,
        CancellationState::Done => 3,
        CancellationState::Refused => 4,
        CancellationState::Review => 5,
    }
}

fn cancelled(state: ShipmentCancellationState) -> u8 {
    match state {
        ShipmentCancellationState::Wanted => 0,
        ShipmentCancellationState::Sending => 1,
        ShipmentCancellationState::Unclear => 2,
        ShipmentCancellationState::Accepted => 3,
        ShipmentCancellationState::Confirmed => 4,
        ShipmentCancellationState::Refused => 5,
        ShipmentCancellationState::Review => 6,
    }
}

fn known(known: Option<Known>) -> u8 {
    known.map_or(0, |k| match k {
        Known::Booked => 1,
        Known::Refused => 2,
        Known::Unbooked => 3,
        Known::NoAnswer => 5,
        Known::NoRecord => 6,
        Known::NeverSent => 7,
    })
}
