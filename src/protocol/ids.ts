import * as z from 'zod/mini'
import './english.ts'
import { Limits } from './limits.ts'

/**
 * An agent's id, chosen by the server. The id is also the name of the agent's folder, so it may contain only
 * a few kinds of characters.
 */
export const AgentId = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/))

/** A machine's id, which the machine creates itself. */
export const MachineId = z.string().check(z.minLength(1), z.maxLength(128))

/** Id of a command. A command that is sent twice with the same id is carried out once. */
export const CommandId = z.string().check(z.regex(/^[\x21-\x7e]{1,128}$/))

/**
 * A machine's name for people: printable words separated by single spaces. It must not begin with "-",
 * because it would look like a flag. Names are converted to NFC, so that equal names are equal regardless of
 * how a keyboard composes accented letters.
 */
export const MachineName = z
  .string()
  .check(
    z.normalize('NFC'),
    z.maxLength(64),
    z.regex(
      /^(?!-)[^\p{C}\p{Z}]+( [^\p{C}\p{Z}]+)*$/u,
      'must be printable, without spaces at its ends, and must not begin with "-"',
    ),
  )

export const Uuid = z
  .string()
  .check(z.regex(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/))

/** A byte offset in an agent's journal. */
export const Offset = z.int().check(z.nonnegative())

/** Name of a generation of a journal, chosen by its machine. */
export const JournalName = z.string().check(z.minLength(1), z.maxLength(64))

export const AbsolutePath = z
  .string()
  .check(z.maxLength(Limits.path_chars), z.regex(/^\/[^\0]*$/, 'must be an absolute path'))

/** Maximum length of a version or dist-tag, in characters. */
const VERSION_CHARS = 64

/**
 * An exact version of the daemon, or a dist-tag of a registry. npm would also accept addresses, aliases,
 * paths, and archive names, but the pattern excludes them.
 */
export const VersionOrTag = z
  .string()
  .check(
    z.maxLength(VERSION_CHARS),
    z.regex(
      /^(?!.*[.](?:[tT][gG][zZ]|[tT][aA][rR](?:.[gG][zZ])?)$)[0-9A-Za-z][0-9A-Za-z._+-]*$/,
      'must be an exact version, such as 1.2.3, or a dist-tag, such as latest',
    ),
  )

/** Any JSON from a runtime or a newer peer. */
export const Json = z.unknown()

/** An exact version. */
export const ExactVersion = z
  .string()
  .check(
    z.maxLength(VERSION_CHARS),
    z.regex(
      /^\d+[.]\d+[.]\d+(-[0-9A-Za-z.-]+)?([+][0-9A-Za-z.-]+)?$/,
      'must be an exact version, such as 1.2.3',
    ),
  )

/** The name of a group of machines. In commands, `none` stands for no group. */
export const GroupName = z
  .string()
  .check(
    z.regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'may contain only A-Z a-z 0-9 _ - .'),
    z.regex(/^(?!none$)/, 'must not be "none"'),
  )

/** Maximum number of labels of a machine. */
const LABELS = 32
const LabelText = z
  .string()
  .check(z.regex(/^[\w./-]{1,63}$/, 'may contain only A-Z a-z 0-9 _ - . /, at most 63'))

/** Labels of a machine. */
export const Labels = z
  .record(LabelText, LabelText)
  .check(z.refine((labels) => Object.keys(labels).length <= LABELS, `at most ${LABELS} labels are allowed`))
