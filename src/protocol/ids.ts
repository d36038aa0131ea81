import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'
import { Limits } from './limits.ts'

// Without it every fault is just "Invalid input". Only the one file: all languages together are 290 kB.
z.config(en())

/** An agent's name: also its folder's name on disk, hence the narrow alphabet. Chosen by the server. */
export const AgentId = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/))

/** A machine's own id, which it makes itself. */
export const MachineId = z.string().check(z.minLength(1), z.maxLength(128))

/** One request of the server. A command sent twice with the same id is executed once. */
export const CommandId = z.string().check(z.regex(/^[\x21-\x7e]{1,128}$/))

/**
 * What people call a machine: printable words with one blank between them, and nothing that reads as a flag. Letters with
 * accents come as one character, however a keyboard writes them.
 */
export const MachineName = z
  .string()
  .check(
    z.normalize('NFC'),
    z.maxLength(64),
    z.regex(
      /^(?!-)[^\p{C}\p{Z}]+( [^\p{C}\p{Z}]+)*$/u,
      'must be printable, without blanks at its ends, and must not begin with "-"',
    ),
  )

export const Uuid = z
  .string()
  .check(z.regex(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/))

/** A byte offset in an agent's journal. */
export const Offset = z.int().check(z.nonnegative())

/** Name of a journal's generation, made by its machine. */
export const JournalName = z.string().check(z.minLength(1), z.maxLength(64))

export const AbsolutePath = z
  .string()
  .check(z.maxLength(Limits.path_chars), z.regex(/^\/[^\0]*$/, 'must be an absolute path'))

/** Longest version or dist-tag. */
const VERSION_CHARS = 64

/**
 * An exact version of the daemon or a dist-tag of a registry. npm takes addresses, aliases, paths and names of archives in
 * the same place; none of them fits.
 */
export const VersionOrTag = z
  .string()
  .check(
    z.maxLength(VERSION_CHARS),
    z.regex(
      /^(?!.*[.](?:[tT][gG][zZ]|[tT][aA][rR](?:.[gG][zZ])?)$)[0-9A-Za-z][0-9A-Za-z._+-]*$/,
      'must be an exact version, as 1.2.3, or a dist-tag, as latest',
    ),
  )

/** Whatever JSON a runtime or a newer peer put there. */
export const Json = z.unknown()
