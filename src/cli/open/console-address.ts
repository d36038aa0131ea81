import { fromHere, type HubAddress } from '../../config/hub.ts'

/**
 * Returns the address at which a browser on this machine reaches a hub. For a hub with TLS on this machine,
 * this is a name in the hub's certificate, because a browser accepts no other name.
 */
export async function consoleAddress({ url, listens }: Pick<HubAddress, 'url' | 'listens'>): Promise<string> {
  if (!listens || !url.startsWith('https:')) return url
  const { ownAddress } = await import('../machine/own-address.ts')
  return fromHere((await ownAddress(url, listens)).url)
}

/** Returns the address that signs a browser in. The token is in the fragment, which is sent to no server. */
export const signInAddress = (home: string, token: string) => `${home}/#token=${encodeURIComponent(token)}`
