/** Rebuilds after each change in `src/`, and restarts this machine's daemon with the new build: agents keep running. */
import { watch } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { dist, root } from './program.ts'

/** Editors write several files at once; later changes wait for the build. */
const QUIET_MS = 200

let timer: NodeJS.Timeout | undefined
let building = false
let changed = false

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

watch(join(root, 'src'), { recursive: true }, () => {
  clearTimeout(timer)
  timer = setTimeout(build, QUIET_MS)
})
console.error('Waiting for changes in src/.')
await build()
