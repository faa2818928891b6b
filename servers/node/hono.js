#!/usr/bin/env node
// The work contract on Hono, on Node.js.

import { getRequestListener } from '@hono/node-server';

import { framework } from './lib/framework.js';
import { honoApp } from './lib/hono-app.js';
import { main } from './lib/main.js';

main(framework((leaves, maxBodyBytes) => getRequestListener(honoApp(leaves, maxBodyBytes).fetch)));
