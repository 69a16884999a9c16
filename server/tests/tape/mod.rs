//! What SQLite does to its files, noted in order, and the disk as it may be after a power cut at any of the notes.
#![allow(unsafe_code, reason = "SQLite's table of functions is C")]

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

/// A disk writes sectors whole or not at all.
const SECTOR: usize = 512;

/// What was done to a file.
enum Note {
    Write(usize, Vec<u8>),
    Truncate(usize),
    Sync,
    Delete,
}

type Notes = Arc<Mutex<Vec<(PathBuf, Note)>>>;

/// The notes of one folder.
#[derive(Clone)]
pub struct Tape {
    folder: PathBuf,
    notes: Notes,
}

/// Small and repeatable.
pub struct Chance(pub u64);

impl Chance {
    /// 0 to below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (n.max(1) as u64)).unwrap()
    }
}

/// An open file: SQLite's own functions for it, and where it is noted.
#[derive(Clone)]
struct Open {
    own: usize,
    path: PathBuf,
    notes: Option<Notes>,
}

/// Open files by the address of their handle, and the folders that are noted.
#[derive(Default)]
struct World {
    open: HashMap<usize, Open>,
    tapes: Vec<Tape>,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    replace_vfs();
    Mutex::default()
});

fn world() -> MutexGuard<'static, World> {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tape {
    /// Notes from now on what is done to files below `folder`.
    pub fn record(folder: &Path) -> Self {
        let tape = Self { folder: folder.canonicalize().unwrap(), notes: Arc::default() };
        world().tapes.push(tape.clone());
        tape
    }

    /// Notes so far.
    pub fn len(&self) -> usize {
        self.notes.lock().unwrap().len()
    }

    /// How often that file was written to.
    pub fn writes_of(&self, name: &str) -> usize {
        let notes = self.notes.lock().unwrap();
        notes.iter().filter(|(path, note)| path.ends_with(name) && matches!(note, Note::Write(..))).count()
    }

    /// Writes into `disk` what is left of the folder when the power goes behind note `at`. Of what no sync covered,
    /// `kept` is left: `nothing`, `all`, or `anything` (each sector or not, in any order).
    pub fn cut(&self, at: usize, kept: &str, chance: &mut Chance, disk: &Path) {
        let notes = self.notes.lock().unwrap();
        let mut synced: BTreeMap<&Path, usize> = BTreeMap::new();
        for (i, (path, note)) in notes[..at].iter().enumerate() {
            if matches!(note, Note::Sync | Note::Delete) {
                synced.insert(path, i);
            }
        }
        let mut files: BTreeMap<&Path, Vec<u8>> = BTreeMap::new();
        for (i, (path, note)) in notes[..at].iter().enumerate() {
            let safe = synced.get(path.as_path()).is_some_and(|last| i <= *last);
            let mut stays = || safe || kept == "all" || (kept == "anything" && chance.below(2) == 0);
            let file = files.entry(path).or_default();
            match note {
                Note::Write(from, bytes) => {
                    for (n, sector) in bytes.chunks(SECTOR).enumerate().filter(|_| stays()) {
                        let from = from + n * SECTOR;
                        if file.len() < from + sector.len() {
                            file.resize(from + sector.len(), 0);
                        }
                        file[from..from + sector.len()].copy_from_slice(sector);
                    }
                }
                Note::Truncate(size) if stays() => file.resize(*size, 0),
                Note::Delete => file.clear(),
                Note::Truncate(_) | Note::Sync => {}
            }
        }
        for (path, bytes) in files {
            std::fs::write(disk.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
}

/// SQLite's default table with our `xOpen` and `xDelete`, as the default from now on.
fn replace_vfs() {
    // SAFETY: the default table lives as long as the process, and so does its copy.
    unsafe {
        let own = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!own.is_null());
        let mut copy = std::ptr::read(own);
        copy.zName = c"tape".as_ptr();
        copy.pNext = std::ptr::null_mut();
        copy.xOpen = Some(open);
        copy.xDelete = Some(delete);
        assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(copy)), 1), ffi::SQLITE_OK);
    }
}

/// The system's own table.
unsafe fn own_vfs() -> *mut sqlite3_vfs {
    // SAFETY: a plain look-up by name.
    unsafe { ffi::sqlite3_vfs_find(c"unix".as_ptr()) }
}

fn path_of(name: *const c_char) -> PathBuf {
    if name.is_null() {
        return PathBuf::new();
    }
    // SAFETY: SQLite gives a text that ends with a zero.
    PathBuf::from(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

fn notes_for(path: &Path) -> Option<Notes> {
    world().tapes.iter().find(|t| path.starts_with(&t.folder)).map(|t| Arc::clone(&t.notes))
}

unsafe extern "C" fn open(
    _vfs: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's own arguments go to SQLite's own function; the handle is open and ours to change afterwards.
    unsafe {
        let own = own_vfs();
        let done = (*own).xOpen.unwrap()(own, name, file, flags, out);
        if done == ffi::SQLITE_OK && !(*file).pMethods.is_null() {
            let path = path_of(name);
            let notes = notes_for(&path);
            let methods = (*file).pMethods;
            let mut copy = std::ptr::read(methods);
            // Without memory-mapped reading and writing, which nothing would note.
            copy.iVersion = 2;
            copy.xWrite = Some(write);
            copy.xTruncate = Some(truncate);
            copy.xSync = Some(sync);
            copy.xClose = Some(close);
            (*file).pMethods = Box::leak(Box::new(copy));
            world().open.insert(file as usize, Open { own: methods as usize, path, notes });
        }
        done
    }
}

unsafe extern "C" fn delete(_vfs: *mut sqlite3_vfs, name: *const c_char, dir: c_int) -> c_int {
    let path = path_of(name);
    if let Some(notes) = notes_for(&path) {
        notes.lock().unwrap().push((path, Note::Delete));
    }
    // SAFETY: as above.
    unsafe {
        let own = own_vfs();
        (*own).xDelete.unwrap()(own, name, dir)
    }
}

/// SQLite's own functions for a file, and the file.
fn of(file: *mut sqlite3_file) -> (&'static sqlite3_io_methods, Open) {
    let open = world().open.get(&(file as usize)).cloned().expect("it was opened");
    // SAFETY: SQLite's tables live as long as the process.
    (unsafe { &*(open.own as *const sqlite3_io_methods) }, open)
}

fn note(open: Open, what: impl FnOnce() -> Note) {
    if let Some(notes) = open.notes {
        notes.lock().unwrap().push((open.path, what()));
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, len: c_int, at: i64) -> c_int {
    let (own, open) = of(file);
    // SAFETY: SQLite gives `len` bytes; its own function gets what it would have got.
    unsafe {
        let done = own.xWrite.unwrap()(file, bytes, len, at);
        if done == ffi::SQLITE_OK {
            let copy = std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(len).unwrap()).to_vec();
            note(open, || Note::Write(usize::try_from(at).unwrap(), copy));
        }
        done
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    let (own, open) = of(file);
    // SAFETY: as above.
    let done = unsafe { own.xTruncate.unwrap()(file, size) };
    if done == ffi::SQLITE_OK {
        note(open, || Note::Truncate(usize::try_from(size).unwrap()));
    }
    done
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    let (own, open) = of(file);
    // SAFETY: as above.
    let done = unsafe { own.xSync.unwrap()(file, flags) };
    if done == ffi::SQLITE_OK {
        note(open, || Note::Sync);
    }
    done
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let (own, _) = of(file);
    world().open.remove(&(file as usize));
    // SAFETY: as above; the system's function puts its own table back where it needs it.
    unsafe { own.xClose.unwrap()(file) }
}
