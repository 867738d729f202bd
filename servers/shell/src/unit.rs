//! Numbers with units, as people read them.

use alloc::format;
use alloc::string::String;

/// Writes a number of bytes with at most one digit after the point: `512 B`, `4 KiB`, `1.5 GiB`.
#[must_use]
pub fn write_bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut scale = 1024_u64;
    let mut unit = UNITS[0];
    for next in UNITS.into_iter().skip(1) {
        if bytes / scale < 1024 {
            break;
        }
        scale *= 1024;
        unit = next;
    }
    let tenths = bytes % scale * 10 / scale;
    if tenths == 0 {
        format!("{} {unit}", bytes / scale)
    } else {
        format!("{}.{tenths} {unit}", bytes / scale)
    }
}

/// Writes a duration that is given in ticks of `hertz`: `12.345 s`, `1 min 05 s`, `2 d 03 h 04 min`.
#[must_use]
pub fn write_duration(ticks: u64, hertz: u64) -> String {
    let hertz = hertz.max(1);
    let seconds = ticks / hertz;
    let milliseconds = u128::from(ticks % hertz) * 1000 / u128::from(hertz);
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}.{milliseconds:03} s"),
        (0, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours:02} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_change_unit_at_1024() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (1024 * 1024, "1 MiB"),
            (64 << 30, "64 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(write_bytes(bytes), text);
        }
    }

    #[test]
    fn durations_change_unit_with_their_length() {
        for (seconds, text) in [
            (0, "0.000 s"),
            (59, "59.000 s"),
            (60, "1 min 00 s"),
            (3599, "59 min 59 s"),
            (3600, "1 h 00 min"),
            (86_399, "23 h 59 min"),
            (86_400 + 3 * 3600 + 4 * 60, "1 d 03 h 04 min"),
        ] {
            assert_eq!(write_duration(seconds * 62_500_000, 62_500_000), text);
        }
        assert_eq!(write_duration(1, 2), "0.500 s");
        assert_eq!(write_duration(5, 0), "5.000 s");
    }
}
