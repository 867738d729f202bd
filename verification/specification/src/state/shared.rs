//! A map of which there are many entries and many copies: [`SharedMap`]. A part of [`crate::state`].

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Index;

/// Numbers of a group, as a power of two.
const GROUP_SHIFT: u32 = 6;

/// Values by their numbers, in order, as in a `BTreeMap`. Copies share the groups of neighbours in which
/// they do not differ: to copy such a map, or to compare it with a copy, is to look at a group's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedMap<T> {
    /// None is empty; each is in the order of numbers.
    groups: BTreeMap<u64, Rc<Group<T>>>,
}

type Group<T> = Vec<(u64, T)>;

impl<T: Clone> SharedMap<T> {
    /// The value of a number.
    #[must_use]
    pub fn get(&self, number: &u64) -> Option<&T> {
        let group = self.groups.get(&(number >> GROUP_SHIFT))?;
        let place = find(group, *number).ok()?;
        group.get(place).map(|(_, value)| value)
    }

    /// The value of a number, to be changed.
    pub fn get_mut(&mut self, number: &u64) -> Option<&mut T> {
        let group = self.groups.get_mut(&(number >> GROUP_SHIFT))?;
        let place = find(group, *number).ok()?;
        Rc::make_mut(group).get_mut(place).map(|(_, value)| value)
    }

    /// Whether a number has a value.
    #[must_use]
    pub fn contains_key(&self, number: &u64) -> bool {
        self.get(number).is_some()
    }

    /// Gives a number a value, in place of what it had.
    pub fn insert(&mut self, number: u64, value: T) {
        let group = self.groups.entry(number >> GROUP_SHIFT).or_default();
        let group = Rc::make_mut(group);
        match find(group, number) {
            Ok(place) => group[place].1 = value,
            Err(place) => group.insert(place, (number, value)),
        }
    }

    /// Takes a number's value out, if it has one.
    pub fn remove(&mut self, number: &u64) -> Option<T> {
        let key = number >> GROUP_SHIFT;
        let group = self.groups.get_mut(&key)?;
        let place = find(group, *number).ok()?;
        let group = Rc::make_mut(group);
        let (_, value) = group.remove(place);
        if group.is_empty() {
            self.groups.remove(&key);
        }
        Some(value)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&u64, &T)> + Clone {
        let all = self.groups.values().flat_map(|group| group.iter());
        all.map(|(number, value)| (number, value))
    }

    /// All numbers, in order.
    pub fn keys(&self) -> impl Iterator<Item = &u64> + Clone {
        self.iter().map(|(number, _)| number)
    }

    /// Shares with `equal`, which is equal, what the two do not share yet.
    pub fn share(&mut self, equal: &Self) {
        for (mine, theirs) in self.groups.values_mut().zip(equal.groups.values()) {
            if !Rc::ptr_eq(mine, theirs) {
                mine.clone_from(theirs);
            }
        }
    }
}

impl<T> Default for SharedMap<T> {
    fn default() -> Self {
        let groups = BTreeMap::new();
        Self { groups }
    }
}

impl<T: Clone> Index<&u64> for SharedMap<T> {
    type Output = T;

    fn index(&self, number: &u64) -> &T {
        self.get(number).expect("the number has a value")
    }
}

/// Where a number is, or would be.
fn find<T>(group: &Group<T>, number: u64) -> Result<usize, usize> {
    group.binary_search_by_key(&number, |(it, _)| *it)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::SharedMap;

    #[test]
    fn it_is_a_map() {
        let numbers = [64, 0, 63, 1_000, 65];
        let mut map = SharedMap::default();
        for number in numbers {
            map.insert(number, number);
        }
        map.insert(64, 7);
        let sorted: Vec<u64> = map.keys().copied().collect();
        assert_eq!(sorted, [0, 63, 64, 65, 1_000]);
        assert_eq!((map[&64], map.get(&66)), (7, None));
        assert_eq!(
            (map.remove(&1_000), map.remove(&1_000)),
            (Some(1_000), None)
        );
        assert_eq!(map.iter().count(), numbers.len() - 1);
    }

    #[test]
    fn a_copy_is_its_own() {
        let mut map = SharedMap::default();
        map.insert(3, 1);
        let copy = map.clone();
        *map.get_mut(&3).expect("it is there") = 2;
        assert_eq!((copy[&3], map[&3]), (1, 2));
        assert_ne!(copy, map);
        map.insert(3, 1);
        assert_eq!(copy, map);
        map.share(&copy);
        map.remove(&3);
        assert!(copy.contains_key(&3) && map == SharedMap::default());
    }
}
