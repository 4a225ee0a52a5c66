//! Names of functions, types and holders, without what differs from build to build.
//! In: names as the linker and the debug information have them. Out: names that all builds of a program share, from
//! whatever Go version, optimised or not.

/// A function, as it is called in every build; `None` for what the compiler made only to call another function.
///
/// - Type arguments are `[...]`: the tables write them out or not, by version.
/// - A closure is its function with `.func` behind: numbers count the closures above it, and how nested ones are
///   numbered has changed twice. `main.glob..func1` (up to go1.20) and `main.init.func1` are `main.init.func`.
/// - A closure of an inlined function bears the names of both in go1.21 to go1.26, `main.main.run.func3` (Source:
///   `cmd/compile/internal/ir/func.go`, `closureName`), and later only the right one: the last is taken. Of a method
///   with a value receiver, whose type looks like a function there, only the method is left: `main.run.func`. Up to
///   go1.20 it bears the wrong name, and nothing tells.
/// - The body of a range loop over a function, `main.f-range1`, is `main.f`.
/// - `-fm`, `.gowrap1`, `.deferwrap1` and `·dwrap·1` are calls of others.
pub fn plain_function(name: &str) -> Option<String> {
    if name.ends_with("-fm") || name.contains("·dwrap·") {
        return None;
    }
    let folded = fold_arguments(name);
    let head = folded.find(['[', '(']).unwrap_or(folded.len());
    let slash = folded
        .get(..head)?
        .rfind('/')
        .map_or(0, |i| i.saturating_add(1));
    let dot = folded.get(slash..)?.find('.')?.saturating_add(slash);
    let (package, rest) = folded.split_at_checked(dot)?;
    let parts = components(rest.get(1..)?);
    let wraps = |part: &str| is_numbered(part, "gowrap") || is_numbered(part, "deferwrap");
    if parts.last().is_some_and(|p| wraps(p)) {
        return None;
    }
    let mut closure = false;
    let mut real: Vec<&str> = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let part = without_range(part);
        if part.is_empty() || wraps(part) {
            continue;
        }
        if i > 0 && is_numbered(part, "") && real.last() == Some(&"init") {
            continue; // the second init function of a package
        }
        if i > 0 && (is_numbered(part, "func") || is_numbered(part, "")) {
            closure = true;
        } else {
            real.push(part);
        }
    }
    if !closure {
        return Some(format!("{package}.{}", real.join(".")));
    }
    let function = match real.as_slice() {
        ["glob"] | [] => "init".to_owned(),
        [.., receiver, method] if receiver.starts_with('(') => format!("{receiver}.{method}"),
        [.., function] => (*function).to_owned(),
    };
    Some(format!("{package}.{function}.func"))
}

/// The functions of a stack, innermost first; of one that calls itself only the first.
pub fn plain_stack(names: &[String]) -> Vec<String> {
    let mut out: Vec<String> = names.iter().filter_map(|n| plain_function(n)).collect();
    out.dedup();
    out
}

/// What holds a map, as it is called in every build: type arguments are `[...]`, and what the compiler made for a
/// composite literal (`main..stmp_12`) has no number.
pub fn plain_holder(name: &str) -> String {
    let folded = fold_arguments(name);
    let Some((before, behind)) = folded.split_once("..stmp_") else {
        return folded;
    };
    let behind = behind.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}..stmp{behind}")
}

/// A type, without the marks of generic code: `map[go.shape.string_0]int` (go1.19) and `map[go.shape.string]int` are
/// `map[string]int`.
pub fn plain_type(name: &str) -> String {
    const MARK: &str = "go.shape.";
    let mut pieces = name.split(MARK);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece
            .find(|c: char| !(c.is_alphanumeric() || "_.*/".contains(c)))
            .unwrap_or(piece.len());
        let (word, behind) = piece.split_at_checked(end).unwrap_or((piece, ""));
        let plain = match word.rsplit_once('_') {
            Some((plain, number)) if is_numbered(number, "") => plain,
            _ => word,
        };
        out.push_str(plain);
        out.push_str(behind);
    }
    out
}

/// What stands in square brackets becomes `...`.
fn fold_arguments(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut depth = 0u32;
    for c in name.chars() {
        if c == ']' {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            out.push(c);
        }
        if c == '[' {
            if depth == 0 {
                out.push_str("...");
            }
            depth = depth.saturating_add(1);
        }
    }
    out
}

/// The parts of a name between dots, brackets left whole.
fn components(name: &str) -> Vec<&str> {
    let mut depth = 0u32;
    name.split(move |c: char| {
        match c {
            '(' | '[' => depth = depth.saturating_add(1),
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '.' && depth == 0
    })
    .collect()
}

fn is_numbered(part: &str, word: &str) -> bool {
    let number = part.strip_prefix(word).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

fn without_range(part: &str) -> &str {
    match part.split_once("-range") {
        Some((before, number)) if is_numbered(number, "") => before,
        _ => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str) -> String {
        plain_function(name).unwrap_or_default()
    }

    #[test]
    fn functions_and_methods_stay() {
        for name in [
            "main.main",
            "main.(*store).Get",
            "main.T.Get",
            "main.func1",
            "example.com/shop/v2/store.(*Store).Put",
            "gopkg.in/yaml%2ev3.Unmarshal",
        ] {
            assert_eq!(plain(name), name);
        }
    }

    #[test]
    fn type_arguments_are_left_out_however_they_are_written() {
        for name in [
            "main.(*registry[...]).all",
            "main.(*registry[int,main.user]).all",
            "main.(*registry[go.shape.int,go.shape.struct { main.id int; main.tags []string }]).all",
            "main.(*registry[go.shape.int_0,example.com/a/b.T[int]]).all",
        ] {
            assert_eq!(plain(name), "main.(*registry[...]).all");
        }
        assert_eq!(
            plain("example.com/a.Map[example.com/b/c.K].Get"),
            "example.com/a.Map[...].Get"
        );
    }

    #[test]
    fn closures_have_no_numbers() {
        for name in [
            "main.f.func1",
            "main.f.func12",
            "main.f.func1.2",
            "main.f.1",
            "main.f.func2.3.1",
        ] {
            assert_eq!(plain(name), "main.f.func");
        }
        assert_eq!(plain("main.(*T).run.func3"), "main.(*T).run.func");
        assert_eq!(
            plain("main.bumpAll[go.shape.string].func1"),
            "main.bumpAll[...].func"
        );
        assert_eq!(
            plain("main.bumpAll[go.shape.string].1"),
            "main.bumpAll[...].func"
        );
    }

    #[test]
    fn closures_of_inlined_functions_are_theirs() {
        assert_eq!(plain("main.main.run.func3"), plain("main.run.func1"));
        assert_eq!(plain("main.main.(*T).run.func3"), "main.(*T).run.func");
        assert_eq!(plain("main.main.T.run.func3"), plain("main.T.run.func1"));
        assert_eq!(
            plain("main.runBumpBump.func1.bumpAll[go.shape.string].1"),
            "main.bumpAll[...].func"
        );
    }

    #[test]
    fn closures_of_package_variables_are_of_init() {
        for name in [
            "main.glob..func1",
            "main.init.func1",
            "main.init.0.func2",
            "main.glob..func3.1",
        ] {
            assert_eq!(plain(name), "main.init.func");
        }
        assert_eq!(plain("main.init.0"), "main.init");
    }

    #[test]
    fn bodies_of_range_loops_are_the_functions_they_stand_in() {
        assert_eq!(plain("main.f-range1"), "main.f");
        assert_eq!(plain("main.(*T[...]).all-range2"), "main.(*T[...]).all");
        assert_eq!(plain("main.f.func1-range2"), "main.f.func");
        assert_eq!(plain("main.f-range1.func2"), "main.f.func");
    }

    #[test]
    fn wrappers_are_no_functions() {
        for name in [
            "main.(*T).M-fm",
            "main.main.gowrap1",
            "main.f.deferwrap2",
            "main.f·dwrap·1",
        ] {
            assert_eq!(plain_function(name), None);
        }
    }

    #[test]
    fn odd_names_do_no_harm() {
        for name in [
            "",
            ".",
            "..",
            "main",
            "main.",
            "[[[",
            "]]].x",
            "main.(",
            "main.é[é].func1",
            "a/b",
        ] {
            let _ = (plain_function(name), plain_holder(name), plain_type(name));
        }
        assert_eq!(
            plain_stack(&["main.f".into(), "main.f".into(), "main.g".into()]),
            ["main.f", "main.g"]
        );
    }

    #[test]
    fn holders_and_types_are_plain() {
        assert_eq!(
            plain_holder("main.registry[int,main.user].byID"),
            "main.registry[...].byID"
        );
        assert_eq!(plain_holder("main..stmp_12.m"), "main..stmp.m");
        assert_eq!(
            plain_type("map[go.shape.string_0]go.shape.int_1"),
            "map[string]int"
        );
        assert_eq!(
            plain_type("map[go.shape.string]*main.T_1"),
            "map[string]*main.T_1"
        );
    }
}
