import type { Command } from 'commander'
import { VERSION } from '../../platform/version.ts'
import { pathOf } from '../usage.ts'

/** Formats the help of all commands as a man page, in roff. */
export function manPage(root: Command): string {
  const commands = inner(root).flatMap((each) => (inner(each).length > 0 ? [each, ...inner(each)] : [each]))
  return [
    `.TH FOMULAR-DAEMON 1 "" "fomular-daemon ${VERSION}" "User Commands"`,
    // Do not break words and commands at hyphens.
    '.nh',
    '.ad l',
    '.SH NAME',
    'fomular-daemon \\- run AI coding agents on this machine for a FomularOS server',
    '.SH SYNOPSIS',
    ...[root, ...inner(root)].flatMap((each) => ['.B', usage(each), '.br']),
    '.SH DESCRIPTION',
    roff(root.description()),
    '.SH OPTIONS',
    ...options(root),
    '.SH COMMANDS',
    ...commands.flatMap((each) => [
      `.SS ${roff(usage(each)).replace(/\n/g, ' ')}`,
      roff(each.description()),
      ...each.registeredArguments.flatMap((argument) => term(`<${argument.name()}>`, argument.description)),
      ...options(each),
      ...prose(afterHelp(each)),
    ]),
    ...prose(afterHelp(root), '.SH'),
    '',
  ].join('\n')
}

const inner = (command: Command) =>
  command.commands.length === 0
    ? []
    : command
        .createHelp()
        .visibleCommands(command)
        .filter((each) => each.name() !== 'help')

const usage = (command: Command) => `${pathOf(command)} ${command.usage()}`

const options = (command: Command) =>
  command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => !command.parent || long !== '--help')
    .flatMap((option) => term(option.flags, command.createHelp().optionDescription(option)))

const term = (name: string, description: string) => ['.TP', `.B ${roff(name)}`, roff(description)]

/** Returns the text of a command's help after its options. */
function afterHelp(command: Command): string {
  const written: string[] = []
  command.configureOutput({ writeOut: (text) => written.push(text) })
  command.outputHelp()
  return written.slice(1).join('').trim()
}

/** @param heading macro for headings: section headings of a man page are in capitals */
function prose(text: string, heading: '.SH' | '.B' = '.B'): string[] {
  return text.split(/\n{2,}/).flatMap((part) => {
    const [, title, rest = part] = /^(\S[^\n]*:)\n(?= )([\s\S]*)$/.exec(part) ?? []
    const begin = title === undefined ? [] : [headed(heading, title.replace(/:$/, ''))]
    return rest.startsWith(' ')
      ? [...begin, '.PP', '.nf', roff(rest), '.fi']
      : [...begin, '.PP', ...lead(rest)]
  })
}

const headed = (heading: '.SH' | '.B', title: string) =>
  heading === '.SH' ? `.SH ${title.toUpperCase()}` : `.PP\n.B ${roff(title)}`

/** Formats a paragraph, and the indented lines that follow it without an empty line. */
function lead(text: string): string[] {
  const at = text.search(/\n /)
  if (at === -1) return [roff(text)]
  return [roff(text.slice(0, at)), '.PP', '.nf', roff(text.slice(at + 1)), '.fi']
}

/** Escapes text for roff, in ASCII for any terminal. */
const roff = (text: string) =>
  text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/\u2026/g, '...')
    .replace(/^([.'])/gm, '\\&$1')
