//! The allocator of a Rust component.
//!
//! What crosses the boundary is made of small texts: a person brings about forty, each allocated when it
//! comes in and freed when the answer was given. The allocator that Rust has for WebAssembly (dlmalloc)
//! splits and joins blocks each time, which was the largest cost of shaping people. This one keeps freed blocks by
//! size and hands the last one out again: a few instructions each way.
//!
//! A block's size is rounded up by at most a quarter (to 8 bytes below 256), and blocks of one size never become
//! blocks of another: memory is bounded by the sum of the most that each size had in use at once. Arenas that are
//! emptied after each call were turned down: caches and settings outlive calls, and within one call nothing
//! would be used twice.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// Larger blocks, and those aligned to more than [`ALIGN`], are left to the allocator underneath.
const LARGEST: usize = 4096;

/// What every block is aligned to, and the least that one takes.
const ALIGN: usize = 8;

/// Up to here sizes grow by [`ALIGN`]; from here on each doubling has four sizes.
const FINE: usize = 256;

const SIZES: usize = FINE / ALIGN + 4 * (LARGEST / FINE).ilog2() as usize;

/// How much is taken at a time from the allocator underneath, to cut blocks from. Never given back.
const CHUNK: usize = 64 << 10;

/// Blocks by size over another allocator. For one thread.
pub struct Blocks<A> {
    underneath: A,
    /// The first free block of each size; each holds the address of the next.
    free: [Cell<*mut u8>; SIZES],
    /// Where the part of the last chunk begins that was never used, and how long it is.
    rest: Cell<(*mut u8, usize)>,
}

impl<A> Blocks<A> {
    pub const fn over(underneath: A) -> Self {
        Self {
            underneath,
            free: [const { Cell::new(ptr::null_mut()) }; SIZES],
            rest: Cell::new((ptr::null_mut(), 0)),
        }
    }
}

/// Which list of free blocks holds blocks for that many bytes, and how large they are.
#[inline]
const fn size(bytes: usize) -> (usize, usize) {
    let last = bytes.saturating_sub(1);
    if last < FINE {
        let index = last / ALIGN;
        return (index, (index + 1) * ALIGN);
    }
    let doubling = last.ilog2();
    let quarters = last >> (doubling - 2);
    let index = FINE / ALIGN + 4 * (doubling - FINE.ilog2()) as usize + (quarters & 3);
    (index, (quarters + 1) << (doubling - 2))
}

#[inline]
const fn is_block(layout: Layout) -> bool {
    layout.size() <= LARGEST && layout.align() <= ALIGN
}

impl<A: GlobalAlloc> Blocks<A> {
    /// A block that was never used; null when there is no memory.
    #[cold]
    #[inline(never)]
    fn cut(&self, size: usize) -> *mut u8 {
        let (mut start, mut length) = self.rest.get();
        if length < size {
            const LAYOUT: Layout = match Layout::from_size_align(CHUNK, ALIGN) {
                Ok(layout) => layout,
                Err(_) => panic!("a power of two is an alignment"),
            };
            // SAFETY: the layout's size is not zero.
            start = unsafe { self.underneath.alloc(LAYOUT) };
            if start.is_null() {
                return start;
            }
            length = CHUNK;
        }
        // SAFETY: `length` bytes from `start` are ours, and `size` is no more.
        self.rest.set((unsafe { start.add(size) }, length - size));
        start
    }
}

// SAFETY: a block is in use or on the list of its size, never both; sizes are multiples of `ALIGN`, as is where
// each chunk begins; a layout decides alone, and so the same way each time, who allocates and which list it is.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Blocks<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_block(layout) {
            // SAFETY: the caller's promise.
            return unsafe { self.underneath.alloc(layout) };
        }
        let (index, size) = size(layout.size());
        let free = &self.free[index];
        let Some(block) = NonNull::new(free.get()) else { return self.cut(size) };
        // SAFETY: a free block holds the address of the next, and is aligned for one.
        free.set(unsafe { block.cast::<*mut u8>().read() });
        block.as_ptr()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_block(layout) {
            // SAFETY: the caller's promise.
            return unsafe { self.underneath.dealloc(block, layout) };
        }
        let free = &self.free[size(layout.size()).0];
        // SAFETY: the block is no longer used, holds at least an address, and is aligned for one.
        unsafe { block.cast::<*mut u8>().write(free.get()) };
        free.set(block);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller promises that it is a valid layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (is_block(layout), is_block(wanted)) {
            // SAFETY: the caller's promise.
            (false, false) => return unsafe { self.underneath.realloc(block, layout, bytes) },
            (true, true) if size(layout.size()).0 == size(bytes).0 => return block,
            _ => {}
        }
        // SAFETY: both are layouts of blocks that are ours, and as much is copied as the smaller holds.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(bytes));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// A component's: it has one thread.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
mod component {
    use std::alloc::System;

    use super::{Blocks, GlobalAlloc, Layout};

    struct OneThread(Blocks<System>);

    // SAFETY: without atomics there is one thread.
    unsafe impl Sync for OneThread {}

    // SAFETY: `Blocks` keeps the promises.
    unsafe impl GlobalAlloc for OneThread {
        #[inline]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's promise.
            unsafe { self.0.alloc(layout) }
        }

        #[inline]
        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.0.dealloc(block, layout) }
        }

        #[inline]
        unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
            // SAFETY: the caller's promise.
            unsafe { self.0.realloc(block, layout, bytes) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: OneThread = OneThread(Blocks::over(System));
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use proptest::prelude::*;

    use super::*;

    /// Counts what is taken from the system, so that nothing is leaked by the tests and chunks are counted.
    #[derive(Default)]
    struct Counting {
        taken: Cell<usize>,
        chunks: std::cell::RefCell<Vec<(*mut u8, Layout)>>,
    }

    // SAFETY: hands on to `System`.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            self.taken.set(self.taken.get() + 1);
            // SAFETY: the caller's promise.
            let block = unsafe { System.alloc(layout) };
            if layout.size() == CHUNK && layout.align() == ALIGN {
                self.chunks.borrow_mut().push((block, layout));
            }
            block
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(block, layout) }
        }
    }

    impl Drop for Counting {
        fn drop(&mut self) {
            for (block, layout) in self.chunks.get_mut().drain(..) {
                // SAFETY: allocated above with this layout, and no longer used.
                unsafe { System.dealloc(block, layout) }
            }
        }
    }

    #[test]
    fn sizes_grow_by_a_quarter_at_most_and_every_one_has_its_own_list() {
        let mut last = (0, 8);
        for bytes in 1..=LARGEST {
            let (index, size) = size(bytes);
            assert!(size >= bytes && size % ALIGN == 0, "{bytes} in {size}");
            assert!(bytes <= FINE || size < bytes + bytes / 4 + 1, "{bytes} in {size}");
            assert!(size - bytes < ALIGN || bytes > FINE, "{bytes} in {size}");
            assert!((index, size) == last || index == last.0 + 1 && size > last.1, "{bytes}");
            last = (index, size);
        }
        assert_eq!(last, (SIZES - 1, LARGEST));
    }

    #[test]
    fn a_freed_block_is_the_next_of_its_size() {
        let blocks = Blocks::over(Counting::default());
        let (small, large) = (Layout::new::<[u8; 20]>(), Layout::new::<[u8; 24]>());
        // SAFETY: each is freed with the layout it has.
        unsafe {
            let first = blocks.alloc(small);
            let second = blocks.alloc(small);
            assert_ne!(first, second);
            blocks.dealloc(first, small);
            assert_eq!(blocks.alloc(large), first, "20 and 24 bytes are one size");
            blocks.dealloc(second, small);
            assert_eq!(blocks.realloc(first, large, 17), first, "so are 17");
        }
    }

    #[test]
    fn a_page_of_people_again_and_again_takes_no_more_than_the_first() {
        let blocks = Blocks::over(Counting::default());
        let layouts: Vec<Layout> =
            (0..20_000).map(|at| Layout::array::<u8>(1 + at * 7 % 300).unwrap()).collect();
        let round = || {
            // SAFETY: each is freed with the layout it has.
            let given: Vec<_> = layouts.iter().map(|layout| unsafe { blocks.alloc(*layout) }).collect();
            for (block, layout) in given.into_iter().zip(&layouts) {
                // SAFETY: as above.
                unsafe { blocks.dealloc(block, *layout) }
            }
            blocks.underneath.taken.get()
        };
        let first = round();
        assert!((40..60).contains(&first), "{first} chunks");
        assert!((0..10).all(|_| round() == first));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(usize, usize),
        Resize(usize, usize),
        Free(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = prop_oneof![1_usize..64, 1_usize..LARGEST + 2, 1_usize..200_000];
        prop_oneof![
            3 => (bytes.clone(), 0_u32..6).prop_map(|(bytes, power)| Step::Take(bytes, 1 << power)),
            2 => (0_usize..50, bytes).prop_map(|(which, bytes)| Step::Resize(which, bytes)),
            2 => (0_usize..50).prop_map(Step::Free),
        ]
    }

    proptest! {
        #[test]
        fn blocks_are_aligned_keep_what_is_in_them_and_never_overlap(steps in prop::collection::vec(step(), 1..200)) {
            let blocks = Blocks::over(Counting::default());
            let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
            for (at, step) in steps.into_iter().enumerate() {
                let mark = (at % 251) as u8;
                // SAFETY: each block is used only while it is held, with the layout it has.
                unsafe {
                    match step {
                        Step::Take(bytes, align) => {
                            let layout = Layout::from_size_align(bytes, align).unwrap();
                            let block = blocks.alloc(layout);
                            prop_assert_eq!(block.addr() % align, 0);
                            block.write_bytes(mark, bytes);
                            held.push((block, layout, mark));
                        }
                        Step::Resize(which, bytes) if which < held.len() => {
                            let (block, layout, old) = held[which];
                            let moved = blocks.realloc(block, layout, bytes);
                            let kept = std::slice::from_raw_parts(moved, bytes.min(layout.size()));
                            prop_assert!(kept.iter().all(|byte| *byte == old));
                            moved.write_bytes(mark, bytes);
                            held[which] = (moved, Layout::from_size_align(bytes, layout.align()).unwrap(), mark);
                        }
                        Step::Free(which) if which < held.len() => {
                            let (block, layout, _) = held.swap_remove(which);
                            blocks.dealloc(block, layout);
                        }
                        Step::Resize(..) | Step::Free(_) => {}
                    }
                }
            }
            for (block, layout, mark) in held {
                // SAFETY: as above.
                unsafe {
                    let bytes = std::slice::from_raw_parts(block, layout.size());
                    prop_assert!(bytes.iter().all(|byte| *byte == mark));
                    blocks.dealloc(block, layout);
                }
            }
        }
    }
}
