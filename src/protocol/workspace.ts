import * as z from 'zod/mini'
import { firstOf, ReportedName, ReportedPath, ReportedSentence, ReportedText } from './bounds.ts'
import { Limits } from './limits.ts'

/** Maximum number of files on a page, of hunks of a file on a page, and of an agent's folders in an answer. */
const FILES = 1000
const HUNKS = 10_000
const FOLDERS = 100

/** Changed lines of a file that are close to each other, with unchanged lines around them. */
export const Hunk = z.object({
  /** Number of the first line, and number of lines, in the old and in the new file. */
  old_start: z.int(),
  old_lines: z.int(),
  new_start: z.int(),
  new_lines: z.int(),
  /**
   * The lines, separated by line feeds. Each begins with a space (unchanged), `-` (removed), `+` (added), or
   * `\` (a remark: the line before it has no line feed).
   */
  text: ReportedText,
})
export type Hunk = z.infer<typeof Hunk>

export const ChangedFile = z.object({
  /** Position of the file's folder in `folders`. */
  folder: z.int().check(z.nonnegative()),
  /** Path in the folder. */
  path: ReportedPath,
  /** Earlier path of a renamed file, in the folder. */
  old_path: z.optional(ReportedPath),
  /** `added`, `modified`, `deleted`, `renamed`, or `untracked`: a new file that git does not know yet. */
  change: ReportedName,
  /** `link` for a symbolic link, whose text is its target; `submodule` for a repository in the folder. */
  kind: z.optional(ReportedName),
  /** True if the file is not text. */
  binary: z.optional(z.boolean()),
  /** The file's modes, as git writes them, if the mode has changed. */
  old_mode: z.optional(ReportedName),
  mode: z.optional(ReportedName),
  /** Number of added and removed lines; absent if they are not known. */
  added: z.optional(z.int()),
  removed: z.optional(z.int()),
  hunks: firstOf(Hunk, HUNKS),
  /** True if the next page has further hunks of this file. */
  continued: z.optional(z.boolean()),
  /**
   * Reason why the file has no hunks: `too_large`, `too_different`, `unreadable`, or `start_unknown` (the
   * content at the agent's start is not known).
   */
  omitted: z.optional(ReportedName),
})
export type ChangedFile = z.infer<typeof ChangedFile>

/** A folder of the agent. */
export const DiffFolder = z.object({
  path: ReportedPath,
  /** Commit with which the files are compared; absent if there is none. */
  commit: z.optional(ReportedName),
  /** Reason why changes of the folder are missing, or not all known. */
  problem: z.optional(ReportedSentence),
})
export type DiffFolder = z.infer<typeof DiffFolder>

/** A page of the changes in an agent's folders. */
export const WorkspaceChanges = z.object({
  /** `head` or `start`, as in the command. */
  since: ReportedName,
  folders: firstOf(DiffFolder, FOLDERS),
  /** Number of changed files; they may include files whose content is the same. */
  total: z.int(),
  files: firstOf(ChangedFile, FILES),
  /** For the next page, send `after` with this value. Absent at the end. */
  next: z.optional(ReportedName),
})
export type WorkspaceChanges = z.infer<typeof WorkspaceChanges>

/** Lines of a file of an agent. */
export const WorkspaceFile = z.object({
  folder: ReportedPath,
  path: ReportedPath,
  size_bytes: z.int(),
  /** `link` for a symbolic link, whose text is its target. */
  kind: z.optional(ReportedName),
  /** True if the file is not text. It then has no lines here. */
  binary: z.optional(z.boolean()),
  /** Number of the first line of `text`. */
  from_line: z.int(),
  /** Number of lines of the file. */
  total_lines: z.int(),
  /** The lines, separated by line feeds. */
  text: ReportedText,
  /** For the next lines, send `from_line` with this value. Absent at the end. */
  next_line: z.optional(z.int()),
})
export type WorkspaceFile = z.infer<typeof WorkspaceFile>

/** Path of a file in a folder, without `.` and `..`. */
export const InnerPath = z
  .string()
  .check(
    z.maxLength(Limits.path_chars),
    z.regex(/^(?!(?:[^\0]*\/)?\.{0,2}(?:\/|$))[^\0]+$/, 'must be a path in the folder, without `..`'),
  )
