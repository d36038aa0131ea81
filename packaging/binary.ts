/**
 * Builds `dist/bin/`: executables that need no Node, and their manifest. Arguments (`linux-x64`) select
 * platforms; `--out DIR` selects another folder.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeExecutables, platformsNamed } from './executables.ts'
import { commit, manifestText, sourceDateText } from './manifest.ts'
import { dist, version } from './program.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
const chosen = platformsNamed(positionals)
const out = values.out === undefined ? join(dist, 'bin') : resolve(values.out)
rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const { files } = await makeExecutables(chosen, out)
writeFileSync(
  join(out, 'manifest.json'),
  manifestText({ version, commit: commit(), date: sourceDateText(), files }),
)
