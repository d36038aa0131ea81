/** Rebuilds after each change in `src/`, and restarts this machine's daemon with the new build: agents keep running. */
import { type FSWatcher, globSync, watch } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { dist, root } from './program.ts'

/** Delay between a change and the build, in ms: editors write several files at once. */
const QUIET_MS = 200

let timer: NodeJS.Timeout | undefined
let building = false
let changed = false
const watched = new Map<string, FSWatcher>()

async function build() {
  if (building) {
    changed = true
    return
  }
  building = true
  do {
    changed = false
    const { exitCode } = await run(join(root, 'packaging/bundle.ts'))
    if (exitCode === 0) await restart()
  } while (changed)
  building = false
}

async function restart() {
  const { exitCode } = await run(join(dist, 'index.js'), 'restart')
  if (exitCode !== 0) console.error('Built. Start a daemon with: node dist/index.js up')
}

const run = (...args: string[]) =>
  execa(process.execPath, args, { cwd: root, stdio: 'inherit', reject: false })

function onChange() {
  clearTimeout(timer)
  timer = setTimeout(build, QUIET_MS)
  watchFolders()
}

/**
 * Watches folders, not files: many editors replace a file when they save it, which would end the watch of
 * that file.
 */
function watchFolders() {
  const folders = globSync('**/', { cwd: join(root, 'src') }).map((folder) => join(root, 'src', folder))
  for (const folder of folders)
    if (!watched.has(folder)) {
      const end = () => watched.delete(folder)
      watched.set(folder, watch(folder, onChange).once('close', end).once('error', end))
    }
}

watchFolders()
console.error('Waiting for changes in src/.')
await build()
