// Needs: root, qemu-system-x86_64, mke2fs
import { spawn } from 'node:child_process'
import { cpSync, globSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { debianRoot } from './debian.ts'
import { overlay } from './overlay.ts'
import { PROGRAM } from './stage.ts'
import { type Cleanup, tempDir } from './temp.ts'

/** Debian packages of the machine: a kernel with control groups v2, and systemd as on a server. */
const PACKAGES = ['linux-image-cloud-amd64', 'systemd-sysv', 'udev', 'dbus', 'procps']
const IMAGE_SIZE = '2G'
/** Parameters of the kernel. An emulated timer is too slow for the kernel's check at boot. */
const KERNEL = [
  ...['root=/dev/vda', 'rw', 'console=ttyS0', 'quiet', 'panic=-1', 'no_timer_check', 'tsc=reliable'],
  ...['systemd.show_status=false', 'systemd.mask=serial-getty@ttyS0.service'],
]
/** Beginning of each line that the machine's script prints for the test. */
const FACT = 'FACT '

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export interface EmulatedOptions {
  /** Memory of the machine, in MiB. */
  memoryMb: number
  /** Script that the machine runs as root after its boot. It prints each fact as a line `FACT NAME JSON`. */
  script: string
  /**
   * Maximum time that the machine runs, in ms. The processor is emulated, so a boot alone takes a minute or
   * two.
   */
  timeoutMs: number
}

/**
 * Boots Debian 13 with its own kernel on an emulated processor, with this program, Node, and an agent
 * program.
 * @returns the facts that the script has printed, by name, after the machine has shut down
 */
export async function emulatedMachine(t: Cleanup, options: EmulatedOptions): Promise<Map<string, unknown>> {
  const { memoryMb, script, timeoutMs } = options
  const lower = await debianRoot({ release: 'trixie', packages: PACKAGES })
  const root = overlay(t, lower, async () => {})
  furnish(root, script)
  const dir = tempDir(t)
  const image = join(dir, 'disk')
  await execa('mke2fs', ['-q', '-t', 'ext4', '-d', root, image, IMAGE_SIZE])
  const boot = (name: string) => globSync(join(root, 'boot', name))[0]!
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...['-M', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', String(memoryMb)],
      ...['-kernel', boot('vmlinuz-*'), '-initrd', boot('initrd.img-*'), '-append', KERNEL.join(' ')],
      ...['-drive', `file=${image},if=virtio,format=raw,cache=unsafe`, '-net', 'none'],
      ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  t.after(() => void machine.kill('SIGKILL'))
  const facts = new Map<string, unknown>()
  const said: string[] = []
  machine.stderr.on('data', (text) => said.push(String(text)))
  const timer = setTimeout(() => machine.kill('SIGKILL'), timeoutMs)
  for await (const line of createInterface({ input: machine.stdout })) {
    said.push(line)
    if (!line.startsWith(FACT)) continue
    const [, name = '', json = ''] = /^FACT (\S+) (.*)$/.exec(line.trimEnd()) ?? []
    facts.set(name, JSON.parse(json))
    // The run takes half an hour, so show its progress.
    console.log(line.trimEnd())
    // A machine without free memory may take long to shut down.
    if (name === 'end') machine.kill('SIGKILL')
  }
  clearTimeout(timer)
  if (!facts.has('end'))
    throw new Error(
      [
        `The machine did not run its script to the end: ${JSON.stringify(Object.fromEntries(facts))}`,
        ...said.slice(-80),
      ].join('\n'),
    )
  return facts
}

/** Adds this program, Node, the script, and the unit that runs the script. */
function furnish(root: string, script: string) {
  const at = (path: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    return join(root, path)
  }
  const program = '/usr/local/lib/node_modules/@fomular-os/daemon'
  cpSync(process.execPath, at('/usr/local/bin/node'))
  cpSync(dirname(PROGRAM), at(`${program}/dist`), { recursive: true })
  cpSync(here('../../package.json'), at(`${program}/package.json`))
  symlinkSync(`..${program.slice('/usr/local'.length)}/dist/index.js`, at('/usr/local/bin/fomular-daemon'))
  cpSync(here('../emulated/agent.sh'), at('/usr/local/bin/claude'))
  cpSync(script, at('/opt/inside.ts'))
  const unit = [
    ...['[Unit]', 'After=multi-user.target', '[Service]', 'Type=oneshot', 'TimeoutStartSec=infinity'],
    ...['ExecStart=/usr/local/bin/node /opt/inside.ts', 'StandardOutput=file:/dev/ttyS0'],
    ...['StandardError=file:/dev/ttyS0', 'ExecStopPost=/usr/bin/systemctl poweroff --force --force', ''],
  ].join('\n')
  writeFileSync(at('/etc/systemd/system/inside.service'), unit)
  symlinkSync('../inside.service', at('/etc/systemd/system/multi-user.target.wants/inside.service'))
}

/** Returns the path of a script of `test/emulated`. */
export const insideScript = (name: string) => here(`../emulated/${name}`)
