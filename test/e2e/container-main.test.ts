// Needs: root, unshare, nsenter
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { AS_CONTAINER } from '../support/container.ts'
import { tempDir } from '../support/temp.ts'

const MODULE = new URL('../../src/cli/container/main-process.ts', import.meta.url).href
const PROBE = [
  process.execPath,
  '--input-type=module',
  '--eval',
  `import { endsContainer } from ${JSON.stringify(MODULE)}; console.log(endsContainer())`,
]
const RUN_REST = '"$@"; exit $?'

/** Programs from process 1 to the daemon's parent, and whether the container ends when the parent ends. */
const CHAINS: [string, string[], boolean][] = [
  ['its own init', ['tini', 'sh'], true],
  ['su and gosu', ['sh', 'su', 'gosu'], true],
  ['npm', ['npm exec @fomular', 'sh'], true],
  ['systemd', ['systemd', 'sh'], false],
  [
    'a terminal multiplexer under systemd',
    ['systemd', 'systemd', 'tmux: server', 'bash', 'su', 'bash'],
    false,
  ],
  ['WSL', ['init', 'SessionLeader', 'Relay(9)', 'bash'], false],
  ['busybox init', ['init', 'sh'], false],
  ['cron', ['init', 'cron', 'sh'], false],
  ['a supervisor in a container', ['tini', 'supervisord', 'sh'], false],
  ['s6-overlay', ['s6-svscan', 's6-supervise', 'sh'], false],
  ['a terminal multiplexer in a container', ['sh', 'screen', 'bash'], false],
  ['a distrobox container', ['distrobox-init', 'sleep', 'bash'], false],
  ['a server that runs commands', ['sshd', 'sh'], false],
]

for (const [what, names, ends] of CHAINS)
  test(`below ${what}, the daemon is ${ends ? '' : 'not '}a container's main process`, async (t) => {
    const dir = tempDir(t)
    // Copies of the shell with these names. Each shell starts the next shell and waits for it.
    const shells = names.flatMap((name) => {
      const path = join(dir, name.replace('/', '_'))
      copyFileSync('/bin/sh', path)
      chmodSync(path, 0o755)
      return [path, '-c', RUN_REST, path]
    })
    assert.equal(await answer([...AS_CONTAINER, ...shells, ...PROBE]), String(ends))
  })

test('if process 1 is a script that was started by name, a daemon below the script is the main process of the container', async (t) => {
  const script = join(tempDir(t), 'docker-entrypoint.sh')
  writeFileSync(script, `#!/bin/sh\n${RUN_REST}\n`, { mode: 0o755 })
  assert.equal(await answer([...AS_CONTAINER, script, ...PROBE]), 'true')
})

test('a daemon that outlived its parent is not the main process if process 1 is a shell', async (t) => {
  const said = join(tempDir(t), 'said')
  const orphan = '(read -r _ <&3; exec 3<&-; exec "$@") 3<&0 &'
  const begin = `mkfifo "$0.wait" && exec 0<>"$0.wait" && setsid sh -c '${orphan}' sh "$@" >"$0"`
  const first = `${begin}; echo go >&0; until [ -s "$0" ]; do sleep 0.05; done; cat "$0"`
  assert.equal(await answer([...AS_CONTAINER, 'sh', '-c', first, said, ...PROBE]), 'false')
})

test('a daemon that is started in a running container from outside is the main process only if process 1 is `pause`', async (t) => {
  for (const [name, ends] of [
    ['pause', true],
    ['sleep', false],
  ] as const) {
    const path = join(tempDir(t), name)
    copyFileSync('/bin/sh', path)
    chmodSync(path, 0o755)
    assert.equal(await entered(path), String(ends))
  }
})

async function answer([file, ...args]: string[]): Promise<string> {
  return (await promisify(execFile)(file!, args)).stdout.trim()
}

/** Returns the answer of a probe that `nsenter` starts alongside process 1. */
async function entered(first: string): Promise<string> {
  const script = `unshare --pid --fork --mount-proc --kill-child "$0" -c 'read -r _' <&3 &
unshared=$!
until child=$(cat /proc/$unshared/task/$unshared/children) && [ -n "$child" ] && [ "$(cat /proc/\${child% }/comm)" = "$1" ]; do sleep 0.05; done
shift
nsenter --target="\${child% }" --pid --mount --root --wd "$@"; kill -9 $unshared`
  return answer([
    'sh',
    '-c',
    `mkfifo "$0.fifo"; exec 3<>"$0.fifo"; ${script}`,
    first,
    first.split('/').at(-1)!,
    ...PROBE,
  ])
}
