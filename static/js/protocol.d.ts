// Written by `make protocol`.
/** `block`, ours: to have nothing to do with somebody, or to take that back. */
export type Block = { blocked: boolean, chat_partner_id: Digits };

/** `block_changed`: to the other sockets of the person who blocks. */
export type BlockChanged = { blocked: boolean, chat_partner_id: UserId };

/** The acknowledgement of `block`: how it is now. */
export type Blocked = { blocked: boolean };

/** What a client that comes back has. */
export type CatchUp = { digest?: Digest, epoch?: string, known?: [UserId, Version][], messages_of?: UserId[] };

/** What has changed in all conversations, of one moment. */
export type CaughtUp = { conversations: ChangedConversation[], digest: Digest, epoch: string, more: boolean, user_id: UserId };

/** `changed`. */
export type Changed = { after: Version, conversation: Conversation, message?: MessageState };

/** What has changed in a conversation. */
export type ChangedConversation = { complete_to: Version, conversation: Conversation, messages: MessageState[], more: boolean };

/** `chat_opened`: the partner. */
export type ChatOpened = User;

/** A UUID. */
export type ClientId = string;

/** A conversation as the user sees it. */
export type Conversation = { blocked: boolean, last_delivered_id: MessageId, last_read_id: MessageId, listed_at: number, new_message_count: number, partner_id: UserId, partner_last_delivered_id: MessageId, partner_last_read_id: MessageId, username?: string, version: Version };

/** A conversation in which a mark or a block was set. */
export type ConversationChanged = { conversation: Conversation };

/** `new_message_count_changed`: to the other sockets of the reader. */
export type CountChanged = { chat_partner_id: UserId, last_read_id: MessageId, new_message_count: number };

export type CountUpdated = { chat_partner_id: Digits, last_read_id?: Digits, new_message_count: number };

export type DeleteMessage = { message_id: MessageId, partner_id: UserId };

/** What tells whether anything in somebody's list has changed: two digests are equal when nothing has, since versions only grow and no conversation leaves the list. */
export type Digest = { conversations: number, versions: number };

/** A whole number that is not negative, or its digits as text. */
export type Digits = number | string;

export type EditMessage = { client_id: string, message_id: MessageId, partner_id: UserId, text: string };

/** Why a request was refused: the first argument of its acknowledgement. Always an object: the original script asks for `"failure" in ack`, which throws on anything else. */
export type Failure = { code: FailureCode, failure: string, retry_after?: number };

export type FailureCode = "invalid" | "not_found" | "forbidden" | "unauthenticated" | "too_often" | "unavailable";

/** `message_received_from_another_chat`. */
export type FromAnotherChat = { chatPartnerId: UserId, message_id: MessageId, new_message_count: number };

/** `message_received_from_current_chat`. */
export type FromCurrentChat = { id: MessageId, message: string, new_message_count: number, timestamp: Timestamp };

export type GetChanges = { at_most?: number, partner_id: UserId, since: Version };

export type GetHistory = { at_most?: number, before_id?: MessageId, partner_id: UserId };

/** A page of a conversation. */
export type History = { conversation: Conversation, messages: MessageState[], more: boolean };

export type HistoryScrolled = { before_id?: Digits, chat_partner_id: Digits, message_count: Digits };

/** The acknowledgement of `join_chat`: the newest messages, newest first, how many are new, and what else a client has asked for. */
export type JoinAnswer = [Message[], number] | [Message[], number, Joined];

export type JoinChat = { at_most?: Digits, chat_partner_id: Digits, with_state?: boolean };

/** The third argument of `join_chat`'s acknowledgement. */
export type Joined = { blocked: boolean, last_read_id: MessageId };

export type MarkDelivered = { partner_id: UserId, up_to_id: MessageId };

export type MarkRead = { partner_id: UserId, up_to_id: MessageId };

/** A stored message, in the shape in which it goes over the wire. */
export type Message = { id: MessageId, message: string, receiver_id: UserId, sender_id: UserId, timestamp: Timestamp };

/** A message that was edited or deleted. */
export type MessageChanged = { message: MessageState };

/** The id of a message. Ids grow in the order in which messages were stored: they are the order. */
export type MessageId = number;

export type MessageSent = { chat_partner_id: Digits, client_id?: string, message: string };

/** A message as it is now, for those who know that messages change. */
export type MessageState = { client_id?: ClientId, deleted_at?: Timestamp, edited_at?: Timestamp, id: MessageId, sender_id: UserId, text: string, timestamp: Timestamp, version: Version };

/** `new_user_sent_message`. */
export type NewUser = { id: UserId, message_id: MessageId, new_message_count: number, username: string };

/** How far a member has read. The count always equals the number of the partner's messages after `last_read_id` that were not deleted. */
export type ReadState = { last_read_id: MessageId, new_message_count: number };

export type SendMessage = { client_id: string, partner_id: UserId, text: string };

/** The acknowledgement of `message_sent`. */
export type Sent = { duplicate: boolean, id: MessageId, timestamp: Timestamp };

/** `message_sent_elsewhere`: to the other sockets of the sender. */
export type SentElsewhere = { chat_partner_id: UserId, id: MessageId, message: string, timestamp: Timestamp };

/** A message that was kept. Its text and its version come with the event. */
export type SentMessage = { duplicate: boolean, id: MessageId, timestamp: Timestamp, version: Version };

export type SetBlocked = { blocked: boolean, partner_id: UserId };

/** `sync`, ours: what came after a message. */
export type Sync = { since_id: Digits };

/** The acknowledgement of `sync`. */
export type Synced = { chats: SyncedChat[], messages: Message[], more: boolean, user_id: UserId };

/** A chat as `sync` lists it: the partner, and how far the user has read. */
export type SyncedChat = { id: UserId, last_read_id: MessageId, new_message_count: number, username: string };

/** A time as the database and the wire spell it: `YYYY-MM-DD HH:MM:SS`, UTC. Clients cut the text apart, so it never carries a fraction or a zone. */
export type Timestamp = string;

/** A user as other people see them. */
export type User = { id: UserId, username: string };

/** The id of a user, as it stands in the database and on the wire: a positive number. */
export type UserId = number;

/** The version of a conversation. Every change between two people raises it by one; a message carries the version of its last change. */
export type Version = number;

/** Protocol 2: what a client asks, and the arguments of each acknowledgement that is no failure. */
export interface Requests {
  /** Gives what has changed in all conversations: what a client asks when it starts, after every connect, and from time to time. In `known` it sends the version up to which it has each conversation, with the `epoch` of the answers that gave them. Those that it does not name come without messages, and those that have not changed not at all; 100 messages of each at most, and about 1 MB. A client that holds messages of some conversations only names their partners in `messages_of`: the others come without messages as well. While `more` is true it asks again, with what it has by then. In place of `known` it may send the `digest` of what it has: where that holds, the answer has no conversations. The `epoch` changes when a backup is restored; then nothing of what a client had is comparable, and it forgets all of it. */
  catch_up: { payload: CatchUp; answer: [CaughtUp] };
  /** Gives what has changed in one conversation since a version, each message once, as it is now, by ascending version: what a client asks when an event's `after` is beyond what it has. 50 messages, or `at_most` (1 to 1000), and about 1 MB at most. */
  get_changes: { payload: GetChanges; answer: [ChangedConversation] };
  /** Gives messages of a conversation, newest first: the newest, or those before `before_id`; 50, or `at_most` (1 to 1000), and about 1 MB at most. Up to the version of `conversation` nothing in the page has changed. */
  get_history: { payload: GetHistory; answer: [History] };
  /** Sends a message. It is kept once under its `client_id`, a UUID: sent again it gets its first answer, with `duplicate` true, whatever has come since. The sender's sockets hear of it as the receiver's do, this one too. */
  send_message: { payload: SendMessage; answer: [SentMessage] };
  /** Gives a message of one's own another text, within 24 hours after it was sent. It is done once under its `client_id`, a UUID: sent again it gives the message as it is then. */
  edit_message: { payload: EditMessage; answer: [MessageChanged] };
  /** Deletes a message of one's own, for both people; may be repeated. Its text is erased, its row stays. */
  delete_message: { payload: DeleteMessage; answer: [MessageChanged] };
  /** Marks all messages up to `up_to_id` as read. Marks move forward only, and not beyond the newest message; may be repeated. */
  mark_read: { payload: MarkRead; answer: [ConversationChanged] };
  /** Notes that a device has all messages up to `up_to_id`. As `mark_read`. */
  mark_delivered: { payload: MarkDelivered; answer: [ConversationChanged] };
  /** Blocks the partner, or takes that back; the last one stands. The partner hears that the conversation has another version, and not why. */
  set_blocked: { payload: SetBlocked; answer: [ConversationChanged] };
}

/** Protocol 2: what the server tells unasked. */
export interface Notifications {
  /** A conversation has changed. A client that has it up to `after` applies this, and has it up to the version of `conversation` then; one that has it up to that version, or further, drops this; any other asks by `get_changes`. */
  changed: Changed;
}

/** Protocol 1: what a client asks, and the arguments of each acknowledgement that is no failure. */
export interface FlaskRequests {
  /** Opens a chat: gives its newest messages (20, or all that are new up to 1000 and 4 MB), newest first, and how many are new; with `with_state: true`, a third argument. `at_most` asks for no more messages than that (1 to 1000), for a client on a slow link. From now on what comes to that chat is sent as `message_received_from_current_chat`. */
  join_chat: { payload: JoinChat; answer: [Message[], number] | [Message[], number, Joined] };
  /** Gives the next ten older messages of a chat, newest first; none at the end. With `before_id`, those before that message, and `message_count` is ignored. */
  message_history_is_scrolled_to_the_top: { payload: HistoryScrolled; answer: [Message[]] };
  /** Sends a message. With a `client_id`, a UUID, it is kept once, however often it is sent: where `duplicate` is true it was stored before, and `id` and `timestamp` are those of that time. */
  message_sent: { payload: MessageSent; answer: [Sent] };
  /** Marks messages as read: all up to `last_read_id`, and `new_message_count` is ignored; without it, all but so many. Gives how it is now. */
  new_message_count_updated: { payload: CountUpdated; answer: [ReadState] };
  /** Blocks the partner of a chat, or takes that back; either may be repeated. */
  block: { payload: Block; answer: [Blocked] };
  /** Gives what came after a message in all chats of the user, at most 100 messages, oldest first; `more` says whether to ask again since the last of them. `chats` has the newest 1000 chats, newest first. All are of one moment. A `since_id` of 9007199254740991 asks for the chats only. */
  sync: { payload: Sync; answer: [Synced] };
}

/** Protocol 1: what the server tells unasked. */
export interface FlaskNotifications {
  /** A message has opened a chat with somebody new. */
  new_user_sent_message: NewUser;
  /** A message has come to the chat that this socket has open. */
  message_received_from_current_chat: FromCurrentChat;
  /** A message has come to another chat. Its text is not here: open the chat, or `sync`. */
  message_received_from_another_chat: FromAnotherChat;
  /** Another socket of the same user has sent a message. */
  message_sent_elsewhere: SentElsewhere;
  /** Another socket of the same user has read. */
  new_message_count_changed: CountChanged;
  /** Another socket of the same user has blocked the partner, or unblocked. */
  block_changed: BlockChanged;
  /** The user has opened a chat on the find page. */
  chat_opened: ChatOpened;
}

