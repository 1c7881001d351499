//! Shape: a company's rules, in order, over groups and people.

use std::sync::Arc;

use super::error::RunError;
use crate::model::{Group, GroupVerdict, Person, Problem, Verdict};
use crate::plugin::Transform;

/// People or groups shaped at a time: enough that a call into a plugin costs little for each, few enough that what
/// goes in and comes out stays in a core's cache (half a megabyte; 500 people took a third longer each).
pub const BATCH: usize = 100;

/// What the transforms, together, made of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupShape {
    Kept(Group),
    /// Rules may read the membership; applications don't see the group.
    Hidden(Group),
    /// By which transform, and why.
    Dropped(String),
}

/// What the transforms, together, made of a person.
#[derive(Debug, Clone, PartialEq)]
pub enum PersonShape {
    Kept(Box<Person>),
    Dropped(String),
    Skipped(Box<Problem>),
}

/// One shape for each group, in order. Ids identify, so a transform can't change one. A group that one transform hides stays hidden; one that it drops is not shown
/// to the next.
pub fn shape_groups(
    transforms: &[Arc<dyn Transform>],
    groups: Vec<Group>,
) -> Result<Vec<GroupShape>, RunError> {
    let mut shapes: Vec<GroupShape> = groups.into_iter().map(GroupShape::Kept).collect();
    for transform in transforms {
        let alive: Vec<usize> =
            (0..shapes.len()).filter(|at| !matches!(shapes[*at], GroupShape::Dropped(_))).collect();
        let asked: Vec<Group> = alive
            .iter()
            .filter_map(|at| match &shapes[*at] {
                GroupShape::Kept(group) | GroupShape::Hidden(group) => Some(group.clone()),
                GroupShape::Dropped(_) => None,
            })
            .collect();
        if asked.is_empty() {
            break;
        }
        let mut verdicts = Vec::with_capacity(asked.len());
        for batch in asked.chunks(BATCH) {
            let given = transform.shape_groups(batch).map_err(RunError::Shape)?;
            check_count(transform.as_ref(), "groups", batch.len(), given.len())?;
            verdicts.extend(given);
        }
        for (at, verdict) in alive.into_iter().zip(verdicts) {
            let (id, hidden) = match &shapes[at] {
                GroupShape::Kept(group) => (group.id.clone(), false),
                GroupShape::Hidden(group) => (group.id.clone(), true),
                GroupShape::Dropped(_) => continue,
            };
            shapes[at] = match verdict {
                GroupVerdict::Keep(group) if !hidden => GroupShape::Kept(Group { id, ..group }),
                GroupVerdict::Keep(group) | GroupVerdict::Hide(group) => {
                    GroupShape::Hidden(Group { id, ..group })
                }
                GroupVerdict::Drop(reason) => GroupShape::Dropped(by(transform.as_ref(), &reason)),
            };
        }
    }
    Ok(shapes)
}

/// One shape for each person, in order. Ids identify, so a transform can't change one; what one transform drops or skips is not shown to the next.
pub fn shape_people(
    transforms: &[Arc<dyn Transform>],
    people: Vec<Person>,
) -> Result<Vec<PersonShape>, RunError> {
    let mut shapes: Vec<PersonShape> =
        people.into_iter().map(|person| PersonShape::Kept(Box::new(person))).collect();
    for transform in transforms {
        let alive: Vec<usize> =
            (0..shapes.len()).filter(|at| matches!(shapes[*at], PersonShape::Kept(_))).collect();
        let asked: Vec<Person> = alive
            .iter()
            .filter_map(|at| match &shapes[*at] {
                PersonShape::Kept(person) => Some((**person).clone()),
                PersonShape::Dropped(_) | PersonShape::Skipped(_) => None,
            })
            .collect();
        if asked.is_empty() {
            break;
        }
        let verdicts = crate::plugin::shape_people(transform.as_ref(), &asked).map_err(RunError::Shape)?;
        check_count(transform.as_ref(), "people", asked.len(), verdicts.len())?;
        for ((at, asked), verdict) in alive.into_iter().zip(asked).zip(verdicts) {
            shapes[at] = match verdict {
                Verdict::Keep(mut person) => {
                    person.user.id = asked.user.id;
                    PersonShape::Kept(Box::new(person))
                }
                Verdict::Drop(reason) => PersonShape::Dropped(by(transform.as_ref(), &reason)),
                Verdict::Skip(problem) => PersonShape::Skipped(Box::new(problem)),
            };
        }
    }
    Ok(shapes)
}

fn by(transform: &dyn Transform, reason: &str) -> String {
    format!("{}: {reason}", transform.identity().name)
}

fn check_count(
    transform: &dyn Transform,
    what: &'static str,
    asked: usize,
    given: usize,
) -> Result<(), RunError> {
    if asked == given {
        return Ok(());
    }
    Err(RunError::Verdicts { plugin: transform.identity().to_string(), what, asked, given })
}
