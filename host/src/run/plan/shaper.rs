//! The part of planning people that needs nothing but the reading: done on all cores, taken in in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::directory::write_record;
use crate::failpoint::FailPoint;
use crate::model::{GroupRef, Person, User};
use crate::plugin::Transform;
use crate::run::error::RunError;
use crate::run::reading::Reading;
use crate::run::shape::{BATCH, GroupShape, PersonShape, shape_people};

/// What a person's groups are, for all people: one flat list with an offset each.
pub(super) struct Memberships {
    offsets: Vec<u32>,
    groups: Vec<u32>,
}

impl Memberships {
    /// The kept and hidden groups of each person, in the order of the groups' ids.
    pub fn of_all(reading: &Reading, shapes: &[Option<GroupShape>]) -> Self {
        let people = reading.len();
        let shown: Vec<usize> = reading
            .groups_by_id()
            .into_iter()
            .filter(|at| matches!(shapes[*at], Some(GroupShape::Kept(_) | GroupShape::Hidden(_))))
            .collect();
        let mut offsets = vec![0u32; people + 1];
        for at in &shown {
            for person in &reading.groups[*at].members {
                offsets[*person as usize + 1] += 1;
            }
        }
        for at in 1..offsets.len() {
            offsets[at] += offsets[at - 1];
        }
        let mut next = offsets.clone();
        let mut groups = vec![0u32; offsets[people] as usize];
        for at in &shown {
            for person in &reading.groups[*at].members {
                let place = &mut next[*person as usize];
                groups[*place as usize] = *at as u32;
                *place += 1;
            }
        }
        Self { offsets, groups }
    }

    pub fn of(&self, person: u32) -> &[u32] {
        &self.groups[self.offsets[person as usize] as usize..self.offsets[person as usize + 1] as usize]
    }
}

/// What the shaping of any person depends on.
pub(super) struct Shaper<'a> {
    pub reading: &'a Reading,
    pub transforms: &'a [Arc<dyn Transform>],
    pub shapes: &'a [Option<GroupShape>],
    pub memberships: &'a Memberships,
}

/// A person whom the transforms have seen.
pub(super) struct Shaped {
    /// The reading's index.
    pub index: u32,
    /// The name that the provider gave.
    pub name: String,
    /// The record as JSON, when it is not the mirror's.
    pub record: Option<String>,
    pub shape: PersonShape,
}

impl Shaper<'_> {
    fn shape(&self, batch: Vec<(u32, User)>) -> Result<Vec<Shaped>, RunError> {
        let mut told = Vec::with_capacity(batch.len());
        let mut people = Vec::with_capacity(batch.len());
        for (index, user) in batch {
            let state = self.reading.state(index);
            let changed = state.known.is_none_or(|known| known.digest != state.digest);
            told.push((index, user.username.clone(), changed.then(|| write_record(&user))));
            people.push(Person { user, groups: self.group_refs(index) });
        }
        let shapes = shape_people(self.transforms, people)?;
        FailPoint::BatchShaped.pass();
        let shaped = told.into_iter().zip(shapes);
        Ok(shaped.map(|((index, name, record), shape)| Shaped { index, name, record, shape }).collect())
    }

    /// The person's groups as transforms see them; without transforms nobody looks.
    fn group_refs(&self, person: u32) -> Vec<GroupRef> {
        if self.transforms.is_empty() {
            return Vec::new();
        }
        let groups = self.memberships.of(person).iter();
        groups
            .filter_map(|at| match &self.shapes[*at as usize] {
                Some(GroupShape::Kept(group) | GroupShape::Hidden(group)) => {
                    Some(GroupRef { id: Some(group.id.clone()), name: group.name.clone() })
                }
                Some(GroupShape::Dropped(_)) | None => None,
            })
            .collect()
    }

    /// Shapes the people that `each_person` gives, in batches on all cores, and hands the batches to `take` in the
    /// order in which the people came. At most one batch a core waits for its turn.
    pub fn shape_all(
        &self,
        each_person: impl FnOnce(&mut dyn FnMut(u32, User) -> Result<(), RunError>) -> Result<(), RunError>,
        mut take: impl FnMut(Vec<Shaped>) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        thread::scope(|scope| {
            let mut line = Line::new(self, scope);
            let mut batch = Vec::with_capacity(BATCH);
            each_person(&mut |person, user| {
                batch.push((person, user));
                if batch.len() < BATCH {
                    return Ok(());
                }
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                line.join(full, &mut take)
            })?;
            line.join(batch, &mut take)?;
            while line.serve_one(&mut take)? {}
            Ok(())
        })
    }
}

/// Batches that are being shaped, first come first served.
struct Line<'scope, 'env, 'a> {
    shaper: &'env Shaper<'a>,
    scope: &'scope Scope<'scope, 'env>,
    batches: VecDeque<ScopedJoinHandle<'scope, Result<Vec<Shaped>, RunError>>>,
    most: usize,
}

impl<'scope, 'env, 'a> Line<'scope, 'env, 'a> {
    fn new(shaper: &'env Shaper<'a>, scope: &'scope Scope<'scope, 'env>) -> Self {
        let most = thread::available_parallelism().map_or(1, usize::from);
        Self { shaper, scope, batches: VecDeque::new(), most }
    }

    fn join(
        &mut self,
        batch: Vec<(u32, User)>,
        take: &mut impl FnMut(Vec<Shaped>) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let shaper = self.shaper;
        self.batches.push_back(self.scope.spawn(move || shaper.shape(batch)));
        if self.batches.len() > self.most {
            self.serve_one(take)?;
        }
        Ok(())
    }

    /// False when nobody is left.
    fn serve_one(
        &mut self,
        take: &mut impl FnMut(Vec<Shaped>) -> Result<(), RunError>,
    ) -> Result<bool, RunError> {
        let Some(first) = self.batches.pop_front() else { return Ok(false) };
        let shaped = first.join().map_err(|_| RunError::Worker("shaping panicked".into()))?;
        take(shaped?)?;
        Ok(true)
    }
}
