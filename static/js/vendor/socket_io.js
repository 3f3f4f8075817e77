// The door to socket.io-client, as lit.js is to lit-html.

export { io } from "socket.io-client";
