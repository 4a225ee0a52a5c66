//! Numbers as digits, for what is written a million times: no formatter, no allocation.
//! In: a number. Out: its digits, on the stack.

/// The most digits that a number of 64 bits has.
const MOST: usize = 20;

/// The digits of a number.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    bytes: [u8; MOST],
    from: usize,
}

impl Digits {
    /// In tens.
    pub fn decimal(n: u64) -> Digits {
        Digits::of(n, |n| (n % 10, n / 10))
    }

    /// In sixteens, small letters, nothing in front.
    pub fn hex(n: u64) -> Digits {
        Digits::of(n, |n| (n & 0xf, n >> 4))
    }

    fn of(mut n: u64, split: impl Fn(u64) -> (u64, u64)) -> Digits {
        let mut out = Digits {
            bytes: [0; MOST],
            from: MOST,
        };
        for (at, place) in out.bytes.iter_mut().enumerate().rev() {
            let (last, rest) = split(n);
            *place = digit_of(last);
            (out.from, n) = (at, rest);
            if n == 0 {
                break;
            }
        }
        out
    }

    /// As bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }

    /// As text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

/// How many digits a number has in tens.
pub fn decimal_width(n: u64) -> usize {
    let most = n.checked_ilog10().unwrap_or(0);
    usize::try_from(most).unwrap_or(0).saturating_add(1)
}

/// The same in sixteens.
pub fn hex_width(n: u64) -> usize {
    let most = n.checked_ilog2().unwrap_or(0) / 4;
    usize::try_from(most).unwrap_or(0).saturating_add(1)
}

/// One digit, below 16.
pub fn digit_of(n: u64) -> u8 {
    let digit = u8::try_from(n).unwrap_or(0);
    match digit {
        0..=9 => b'0'.saturating_add(digit),
        _ => b'a'.saturating_add(digit.saturating_sub(10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_formatter() {
        let around = |shift: u32| [(1 << shift) - 1, 1 << shift, (1 << shift) + 1];
        let tens = (0..20).flat_map(|i| [10u64.pow(i) - 1, 10u64.pow(i)]);
        for n in (1..64).flat_map(around).chain(tens).chain([0, u64::MAX]) {
            assert_eq!(Digits::decimal(n).text(), n.to_string());
            assert_eq!(Digits::hex(n).text(), format!("{n:x}"));
            assert_eq!(Digits::decimal(n).bytes().len(), decimal_width(n));
            assert_eq!(Digits::hex(n).bytes().len(), hex_width(n));
        }
    }
}
