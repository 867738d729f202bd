use ipc_abi::capability::Access;
use ipc_abi::manifest::{Authority, Name, Processes, Restart};

use super::super::program::Segment;
use super::super::symbol::SymbolTable;
use super::*;

fn program() -> Program {
    Program {
        entry: 0x21_0000,
        segments: vec![
            Segment {
                address: 0x21_0000,
                bytes: vec![5; PAGE],
                pages: 1,
                access: Access::READ_EXECUTE,
            },
            Segment {
                address: 0x22_0000,
                bytes: vec![6; PAGE],
                pages: 3,
                access: Access::READ_WRITE,
            },
        ],
        symbols: SymbolTable {
            count: 1,
            frames: 0,
            bytes: vec![9; 20],
        },
    }
}

fn entry(name: &str) -> Entry {
    let process = Process {
        name: Name::try_from(name).expect("short"),
        program: manifest::Program::default(),
        priority: 7,
        heap_pages: 1,
        stack_pages: 2,
        restart: Restart::Always {
            limit: 3,
            seconds: 4,
        },
        serves: true,
        replies: 2,
        sessions: 3,
        threads: 0,
        calls: heapless::Vec::new(),
        devices: heapless::Vec::new(),
        authority: Authority::default(),
        log: None,
    };
    Entry {
        process,
        program: "program".to_string(),
    }
}

fn package(entries: &[Entry]) -> Vec<u8> {
    let programs = BTreeMap::from([("program".to_string(), program())]);
    write(entries, &programs).expect("it can be written")
}

fn word(package: &[u8], index: usize) -> u64 {
    let bytes = package[index * 8..][..8].try_into().expect("eight bytes");
    u64::from_le_bytes(bytes)
}

#[test]
fn header_describes_the_first_process() {
    let package = package(&[entry("a"), entry("b")]);
    assert_eq!(word(&package, 0), PACKAGE_MAGIC);
    assert_eq!(word(&package, 1), PACKAGE_VERSION);
    assert_eq!(word(&package, 2), package.len() as u64);
    assert_eq!(word(&package, 3), 0x21_0000);
    assert_eq!(word(&package, 4), 2);
    let offset = word(&package, 5);
    assert_eq!(package[usize::try_from(offset).expect("small")], 5);
    assert_eq!(
        [6, 7, 8, 9].map(|index| word(&package, index)),
        [0x21_0000, 4096, 4096, 5]
    );
    assert_eq!(
        [11, 12, 13, 14].map(|index| word(&package, index)),
        [0x22_0000, 4096, 3 * 4096, 3]
    );
    assert_eq!(package.len() % PAGE, 0);
}

#[test]
fn manifest_reads_back_with_programs_placed() {
    let package = package(&[entry("a"), entry("b")]);
    let processes: Result<Vec<Process>, _> =
        Processes::read(&package).expect("it is there").collect();
    let processes = processes.expect("it is well formed");
    let [first, second] = &processes[..] else {
        panic!("two processes")
    };
    assert_eq!((first.name.as_str(), second.name.as_str()), ("a", "b"));
    assert_eq!(first.program, second.program);
    let symbols = first.program.symbols;
    assert_eq!((symbols.count, symbols.bytes), (1, 20));
    assert_eq!(package[usize::try_from(symbols.offset).expect("small")], 9);
}

#[test]
fn long_manifest_takes_more_pages() {
    let entries: Vec<Entry> = (0..32)
        .map(|number| entry(&format!("a-long-name-number-{number}")))
        .collect();
    let package = package(&entries);
    let count = Processes::read(&package)
        .expect("it is there")
        .filter(Result::is_ok)
        .count();
    assert_eq!(count, 32);
}

#[test]
fn truncated_package_is_refused_by_name() {
    let package = package(&[entry("a")]);
    let read =
        |length: usize| Processes::read(&package[..length]).map(|processes| processes.count());
    assert_eq!(read(4096), Err(manifest::ManifestError::Truncated));
    assert_eq!(read(4103), Err(manifest::ManifestError::Truncated));
    assert_eq!(read(4104), Err(manifest::ManifestError::Truncated));
    assert_eq!(read(package.len()), Ok(1));
}

#[test]
fn damaged_manifest_is_refused_by_name() {
    let mut package = package(&[entry("a")]);
    let length = package[4096];
    package[4096] = length + 1;
    let last = Processes::read(&package)
        .expect("the header is good")
        .last();
    assert_eq!(last, Some(Err(manifest::ManifestError::TrailingBytes)));
    package[4096] = length - 1;
    let last = Processes::read(&package)
        .expect("the header is good")
        .last();
    assert_eq!(last, Some(Err(manifest::ManifestError::Malformed(0))));
    for count in [0, 33] {
        package[4104] = count;
        let error = Processes::read(&package).expect_err("a bad count");
        assert_eq!(error, manifest::ManifestError::ProcessCount);
    }
}
