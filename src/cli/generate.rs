//! `badmap completions` and `badmap man`, from the same definitions as the command line itself.
//! In: a shell, or a command. Out: a script, or manual pages.

use crate::cli::Cli;
use crate::cli::fail::UsageError;
use crate::cli::output::write_out;
use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::PathBuf;

/// Print completions for a shell
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the script was printed
  2  there is no such shell

Examples:
  badmap completions bash > /etc/bash_completion.d/badmap
  badmap completions zsh > ~/.zfunc/_badmap
  badmap completions fish > ~/.config/fish/completions/badmap.fish")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "badmap", &mut script);
    write_out(|out| out.write_all(&script))?;
    Ok(0)
}

/// Print manual pages
///
/// Prints the page of badmap or of one command, in the format of man; --dir writes all of them.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Exit codes:
  0  the pages were written
  2  there is no such command, or a file could not be written

Examples:
  badmap man check | man -l -
  badmap man --dir /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// The command; badmap as a whole without it
    command: Option<String>,

    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<u8> {
    let mut cli = Cli::command();
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(cli, dir)
            .with_context(|| format!("writing manual pages to {}", dir.display()))?;
        return Ok(0);
    }
    cli.build();
    let command = match &args.command {
        None => cli,
        Some(name) => cli
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| UsageError {
                what: format!("printing the manual of {name}: no such command"),
                hint: Some("badmap --help lists the commands".to_owned()),
            })?,
    };
    let page = clap_mangen::Man::new(command);
    write_out(|out| page.render(out))?;
    Ok(0)
}
