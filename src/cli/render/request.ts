import type { PermissionRequest } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { offersText } from './offers.ts'
import { permissionText } from './permission.ts'

/** All that a request asks for, and offers to remember. @param width columns of the screen, if it is one */
export const requestText = (request: PermissionRequest, colors: Colors, width?: number): string =>
  [permissionText(request, colors, width), offersText(request, colors, width)]
    .filter((text) => text !== '')
    .join('\n')
