// aedes on a port for MQTT and one for WebSockets: node aedes.mjs PORT WEBSOCKET_PORT
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { WebSocketServer, createWebSocketStream } from 'ws'

const [port, websocketPort] = process.argv.slice(2).map(Number)
const aedes = await Aedes.createBroker()
const http = createHttpServer()
new WebSocketServer({ server: http }).on('connection', (socket, request) => {
  aedes.handle(createWebSocketStream(socket), request)
})
http.listen(websocketPort, '127.0.0.1')
createServer(aedes.handle).listen(port, '127.0.0.1')
